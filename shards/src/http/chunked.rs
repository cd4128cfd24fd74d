//! chunked
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChunkError { TooLarge, Malformed }
pub struct ChunkProgress { pub consumed: usize, pub done: bool }
pub struct ChunkedDecoder;
impl ChunkedDecoder { pub fn new(_l: u64) -> Self { Self } pub fn decode(&mut self, i: &[u8], _o: &mut Vec<u8>) -> Result<ChunkProgress, ChunkError> { let _ = i; Err(ChunkError::Malformed) } }

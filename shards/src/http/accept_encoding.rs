//! ae
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding { Identity, Gzip, Brotli, Zstd }
#[derive(Debug, Clone, Copy)]
pub struct Offered { pub gzip: bool, pub br: bool, pub zstd: bool }
pub enum Choice { Use(Coding), NotAcceptable }
pub fn choose<'a>(mut l: impl Iterator<Item=&'a [u8]>, o: Offered) -> Choice { if o.gzip && l.any(|v| v.windows(4).any(|w| w==b"gzip")) { Choice::Use(Coding::Gzip) } else { Choice::Use(Coding::Identity) } }
pub fn wanted<'a>(l: impl Iterator<Item=&'a [u8]>) -> Coding { match choose(l, Offered{gzip:true,br:true,zstd:true}) { Choice::Use(c)=>c, _=>Coding::Identity } }

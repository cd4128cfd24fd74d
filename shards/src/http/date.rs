//! date
pub struct DateCache { line: Vec<u8>, second: u64 }
impl DateCache {
    pub fn new(s: u64) -> Self { let mut d = Self { line: vec![], second: u64::MAX }; d.refresh(s); d }
    pub fn refresh(&mut self, s: u64) { if s != self.second { self.second = s; self.line = format!("date: {}\r\n", httpdate::fmt_http_date(std::time::UNIX_EPOCH + std::time::Duration::from_secs(s))).into_bytes(); } }
    pub fn line(&self) -> &[u8] { &self.line }
}

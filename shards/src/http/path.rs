//! path
use std::borrow::Cow;
pub fn normalise(p: &str) -> Cow<'_, str> { Cow::Borrowed(p) }
pub fn percent_decode(p: &str) -> Option<Cow<'_, str>> { Some(Cow::Borrowed(p)) }
pub struct Query<'q>(&'q str);
impl<'q> Query<'q> { pub fn new(q: &'q str) -> Self { Self(q) } }
impl<'q> Iterator for Query<'q> { type Item=(Cow<'q,str>,Cow<'q,str>); fn next(&mut self)->Option<Self::Item>{ if self.0.is_empty() {return None} let (a,b)=self.0.split_once('&').unwrap_or((self.0,"")); self.0=b; let (k,v)=a.split_once('=').unwrap_or((a,"")); Some((k.into(),v.into())) } }

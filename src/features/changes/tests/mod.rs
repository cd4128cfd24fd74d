//! Changes of scopes: golden messages, the window, and a model of everything between upstream and clients.

mod golden;
mod model;
mod subscriber;
mod upstream;
mod window;

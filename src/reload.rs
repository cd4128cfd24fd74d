//! The thread that reads lists of tokens again when it is told to (SIGHUP), and hands them to the sync thread.
//!
//! Files may be slow, so the sync thread does not read them itself. A file that is no list keeps the old list in force,
//! with one line in the log. The thread ends when nobody can tell it anything any more.

use std::{io, thread};

use crossbeam_channel::{Receiver, Sender};

use crate::{
    config::{lists, settings::TokenFiles},
    control::unless_it_panics,
    messages::Ask,
};

/// Starts the thread.
///
/// # Errors
/// If the system has no thread left.
pub fn start(files: TokenFiles, hangups: Receiver<()>, control: Sender<Ask>) -> io::Result<()> {
    let run = move || {
        for () in &hangups {
            unless_it_panics("Tokens were not read again, the old ones stay", || reload(&files, &control));
        }
    };
    thread::Builder::new().name("reload".to_owned()).spawn(run).map(drop)
}

fn reload(files: &TokenFiles, control: &Sender<Ask>) {
    if *files == TokenFiles::default() {
        tracing::info!("No tokens come from files: there is nothing to read again");
        return;
    }
    let (lists, bad) = lists::read(files);
    for file in bad {
        tracing::error!("Tokens were not read again, the old ones stay: {file}");
    }
    // It can only be full or gone when the process is beyond help.
    if control.send(Ask::Reload(Box::new(lists))).is_err() {
        tracing::error!("Tokens were not read again: the control thread is gone");
    }
}

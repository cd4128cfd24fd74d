//! The command line as a table: what is typed, what comes out.

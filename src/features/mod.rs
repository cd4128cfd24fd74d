//! Features: documents, fragments, the catalog and the bodies made of them. Pure: no clock, no I/O.

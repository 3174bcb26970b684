//! Records that do not fit.

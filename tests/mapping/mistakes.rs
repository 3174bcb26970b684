//! Mistakes of integrators.

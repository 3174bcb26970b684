//! The sample city: a project as an integrator would write it, and simulated departments that drop real files.

pub mod generator;

//! The sample city: a project as an integrator would write it (`city/`), and simulated departments that drop real files.

pub mod city;
pub mod departments;
pub mod generator;

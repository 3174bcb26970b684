//! The sample city: a project as an integrator would write it (`city/`), simulated departments that drop real files, answer over HTTP or publish, and
//! the account a visitor reads. The hub itself knows nothing of it: it runs as it does for any other project.

pub mod account;
pub mod city;
pub mod departments;
pub mod generator;
pub mod journal;
pub mod office;
pub mod post;
pub mod visit;
pub mod welcome;

#[cfg(test)]
mod tests;

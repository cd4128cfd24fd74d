//! brink's evaluator against the reference engine. See the library of this package for what is compared.

mod agreement;
mod clock;
mod draws;
mod generators;
mod isolation;
mod named;
mod reading;
mod refusal;
mod series;

//! Load-test kit.
mod generate;
fn main() {
    for p in generate::plan::ALL {
        println!("{}", generate::census::Census::of(&generate::document(p, generate::DEFAULT_SEED)));
    }
}

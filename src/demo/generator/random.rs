//! Chance from a seed: SplitMix64. The same seed gives the same city on every machine, today and in ten years, which a
//! crate whose algorithm may change between versions does not promise.

/// A stream of random numbers.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// The stream of a seed.
    pub fn new(seed: u64) -> Self {
        Random(seed)
    }

    /// An independent stream: what one case does never shifts what another one does.
    pub fn fork(&self, salt: u64) -> Self {
        Random(Random(self.0 ^ salt.wrapping_mul(0xd134_2543_de82_ef95)).draw())
    }

    /// The next number.
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    /// A number from `low` to `high`, both included.
    pub fn between(&mut self, low: i64, high: i64) -> i64 {
        low + (self.draw() % (high - low + 1).max(1) as u64) as i64
    }

    /// One of these.
    pub fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.between(0, of.len() as i64 - 1) as usize]
    }

    /// True about once in `n` times.
    pub fn one_in(&mut self, n: u64) -> bool {
        self.draw().is_multiple_of(n.max(1))
    }

    /// One of these, each as likely as its weight; `None` when there is nothing to choose from.
    pub fn weighted<T>(&mut self, of: impl Iterator<Item = (u64, T)> + Clone) -> Option<T> {
        let total: u64 = of.clone().map(|(weight, _)| weight).sum();
        let mut at = self.draw() % total.max(1);
        for (weight, item) in of {
            if at < weight {
                return Some(item);
            }
            at -= weight;
        }
        None
    }
}

//! Receipts: which deliveries of which channel a batch covers, and up to where the broker may be told. Pure bookkeeping.
//!
//! A receipt of a former channel is nothing here: its messages come again, and are recognised. Delivery tags are told
//! with `multiple`, so that only what is committed without a gap is ever told.

use std::collections::VecDeque;

use guichet_sdk::Receipt;
use serde::{Deserialize, Serialize};

/// What a receipt says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slip {
    /// The channel; never used twice in the life of the process.
    pub channel: u64,
    /// Delivery tag of the last message.
    pub last: u64,
}

impl Slip {
    /// The receipt.
    pub fn write(self) -> Receipt {
        Receipt(format!("{{\"channel\":{},\"last\":{}}}", self.channel, self.last))
    }

    /// What a receipt says; `None` for one that is not ours.
    pub fn read(receipt: &Receipt) -> Option<Self> {
        serde_json::from_str(&receipt.0).ok()
    }
}

/// What one channel has given and not told the broker yet.
#[derive(Debug)]
pub struct Book {
    channel: u64,
    /// Batches in the order they were given: their last tag, and whether they are committed.
    given: VecDeque<(u64, bool)>,
    /// Everything up to here is told.
    told: u64,
}

/// What becomes of an acknowledgement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    /// The broker is told, up to this tag.
    Tell(u64),
    /// The broker knows, or an earlier batch is not committed yet.
    Nothing,
    /// It is of a former channel: its messages come again.
    TooLate,
}

impl Book {
    /// The book of a new channel.
    pub fn new(channel: u64) -> Self {
        Book { channel, given: VecDeque::new(), told: 0 }
    }

    /// A batch that ends with this tag is given.
    pub fn give(&mut self, last: u64) -> Receipt {
        self.given.push_back((last, false));
        Slip { channel: self.channel, last }.write()
    }

    /// Messages given and not told.
    pub fn outstanding(&self) -> u64 {
        self.given.back().map_or(0, |(last, _)| last - self.told)
    }

    /// A batch is committed.
    pub fn settle(&mut self, slip: Slip) -> Settled {
        if slip.channel != self.channel {
            return Settled::TooLate;
        }
        if let Some((_, committed)) = self.given.iter_mut().find(|(last, _)| *last == slip.last) {
            *committed = true;
        }
        let before = self.told;
        while let Some((last, true)) = self.given.front() {
            self.told = *last;
            self.given.pop_front();
        }
        if self.told > before { Settled::Tell(self.told) } else { Settled::Nothing }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn i1_only_what_is_committed_without_a_gap_is_told() {
        let mut book = Book::new(4);
        let receipts: Vec<_> = [3, 5, 9].map(|last| book.give(last)).into_iter().collect();
        let mut settle = |at: usize| Slip::read(&receipts[at]).map(|slip| book.settle(slip));
        assert_eq!(settle(1), Some(Settled::Nothing), "the batch before it is not committed");
        assert_eq!(settle(0), Some(Settled::Tell(5)));
        assert_eq!(settle(0), Some(Settled::Nothing), "said twice");
        assert_eq!(settle(2), Some(Settled::Tell(9)));
        assert_eq!(book.outstanding(), 0);
    }

    #[test]
    fn a_receipt_of_a_former_channel_tells_nothing() {
        let mut former = Book::new(4);
        let receipt = former.give(3);
        let mut book = Book::new(5);
        book.give(3);
        assert_eq!(Slip::read(&receipt).map(|slip| book.settle(slip)), Some(Settled::TooLate));
        assert_eq!(book.outstanding(), 3);
        assert_eq!(Slip::read(&Receipt("not ours".into())), None);
    }

    proptest! {
        #[test]
        fn whatever_the_order_of_commits_the_broker_is_told_of_a_prefix(order in Just((0..8usize).collect::<Vec<_>>()).prop_shuffle()) {
            let mut book = Book::new(1);
            for last in 1..=8 {
                book.give(last);
            }
            let mut committed = [false; 8];
            for at in order {
                committed[at] = true;
                let gapless = committed.iter().take_while(|done| **done).count() as u64;
                if let Settled::Tell(up_to) = book.settle(Slip { channel: 1, last: at as u64 + 1 }) {
                    prop_assert_eq!(up_to, gapless);
                }
            }
            prop_assert_eq!(book.outstanding(), 0);
        }
    }
}

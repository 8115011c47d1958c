//! Where in the file of checkpoints the log had which size, so that what is of no use any more is found without
//! reading the file. Only some places are remembered, so that the memory stays small however long the file is: what is
//! cut off may be a little less than what could be, and never more.

/// More places are not remembered; then every second one is forgotten, and fewer are taken from there on.
const MARKS_MAX: usize = 4096;

/// These places, in the order of the file.
#[derive(Clone, Debug)]
pub(super) struct Marks {
    /// Size, and where the checkpoint begins that has it.
    places: Vec<(u64, u64)>,
    /// Of so many checkpoints one is remembered.
    every: u64,
    /// Checkpoints since the last one that is.
    since: u64,
    /// The size of the last one that was seen.
    size: u64,
    /// One was smaller than the one before it, or could not be read. From there on nothing is known, and nothing that
    /// stands behind it is ever cut off as useless: it is evidence of that.
    broken: bool,
}

impl Default for Marks {
    fn default() -> Self {
        Self { places: Vec::new(), every: 1, since: 0, size: 0, broken: false }
    }
}

impl Marks {
    /// A checkpoint begins there; without a size it is none.
    pub(super) fn see(&mut self, size: Option<u64>, at: u64) {
        let Some(size) = size.filter(|size| *size >= self.size && !self.broken) else {
            self.broken = true;
            return;
        };
        // The file was shortened by somebody: what was known of what was cut off is not true of what comes there now.
        while self.places.last().is_some_and(|(_, there)| *there >= at) {
            self.places.pop();
        }
        self.size = size;
        self.since += 1;
        if self.since < self.every {
            return;
        }
        self.since = 0;
        self.places.push((size, at));
        if self.places.len() >= MARKS_MAX {
            let mut odd = false;
            self.places.retain(|_| {
                odd = !odd;
                odd
            });
            self.every *= 2;
        }
    }

    /// Where the last checkpoint begins that is known to cover nothing from this record on: what follows from it is in
    /// the manifest, and nothing before it is needed to prove what comes.
    pub(super) fn useless(&self, first: u64) -> u64 {
        let behind = self.places.partition_point(|(size, _)| *size <= first);
        behind.checked_sub(1).map_or(0, |last| self.places[last].1)
    }

    /// So many bytes were cut off at the start of the file.
    pub(super) fn cut(&mut self, bytes: u64) {
        self.places.retain(|(_, at)| *at >= bytes);
        for (_, at) in &mut self.places {
            *at -= bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_cut_off_is_never_more_than_what_could_be_and_little_less() {
        let mut marks = Marks::default();
        for number in 0..1_000_000 {
            marks.see(Some(number / 2), 300 * number);
        }
        assert!(marks.places.len() < MARKS_MAX);
        for first in [0, 1, 77, 4_000, 250_001, 499_999] {
            let exact = 300 * (2 * first + 1);
            let useless = marks.useless(first);
            assert!(useless <= exact && useless + 300 * 1024 >= exact, "{first}: {useless}, {exact}");
        }
        let (before, cut) = (marks.useless(400_000), marks.useless(250_000));
        marks.cut(cut);
        assert_eq!((marks.useless(400_000), marks.useless(1)), (before - cut, 0));
    }

    #[test]
    fn what_was_cut_off_by_somebody_is_forgotten() {
        let mut marks = Marks::default();
        for (size, at) in [(1, 0), (2, 300), (3, 600), (4, 300)] {
            marks.see(Some(size), at);
        }
        assert_eq!([2, 3, 4].map(|first| marks.useless(first)), [0, 0, 300]);
    }

    #[test]
    fn nothing_behind_what_is_no_checkpoint_is_useless() {
        for bad in [None, Some(3)] {
            let mut marks = Marks::default();
            for (size, at) in [(Some(2), 0), (Some(5), 300), (bad, 600), (Some(9), 900)] {
                marks.see(size, at);
            }
            assert_eq!([2, 4, 5, 100].map(|first| marks.useless(first)), [0, 0, 300, 300]);
        }
    }
}

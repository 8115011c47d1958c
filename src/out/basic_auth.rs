//! Comparing passwords with bcrypt hashes, which is slow on purpose: one at a time, off the event loop, and a
//! success is remembered. It must take as long for an unknown user as for a wrong password.

use ring::hmac;
use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex};
use tokio::sync::Semaphore;

/// Compared when the user is unknown; the hash of nothing in particular, at bcrypt's usual cost.
const NOBODY: &str = "$2y$10$abcdefghijklmnopqrstuuWc8uVb6GJeS9oUKbeyPFcVkzgUbUoYa";

/// Comparisons that may wait; more would only keep honest users waiting.
const WAITING_MAX: usize = 16;

/// Remembered successes. Only right passwords are remembered, so that it fills up only by reloads.
const REMEMBERED_MAX: usize = 1024;

/// What a comparison gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Right,
    Wrong,
    /// Too many comparisons wait.
    Busy,
}

/// Compares, and remembers.
#[derive(Debug)]
pub(crate) struct Comparer {
    key: hmac::Key,
    /// MACs of user, password and stored hash: the memory holds no password.
    right: Mutex<HashSet<Vec<u8>>>,
    waiting: Arc<Semaphore>,
    turn: Arc<Semaphore>,
}

impl Comparer {
    /// With nothing remembered.
    pub(crate) fn new(key: hmac::Key) -> Self {
        Self {
            key,
            right: Mutex::default(),
            waiting: Arc::new(Semaphore::new(WAITING_MAX)),
            turn: Arc::new(Semaphore::new(1)),
        }
    }

    /// Whether the user exists and has this password.
    pub(crate) async fn compare(
        &self,
        users: &BTreeMap<String, String>,
        user: &str,
        password: &str,
    ) -> Verdict {
        let stored = users.get(user);
        let mac = self.mac(user, password, stored.map_or(NOBODY, String::as_str));
        if stored.is_some() && self.remembers(&mac) {
            return Verdict::Right;
        }
        let Ok(place) = Arc::clone(&self.waiting).try_acquire_owned() else { return Verdict::Busy };
        let Ok(turn) = Arc::clone(&self.turn).acquire_owned().await else { return Verdict::Busy };
        // While we waited, the same comparison may have been made.
        if stored.is_some() && self.remembers(&mac) {
            return Verdict::Right;
        }
        let (password, hash) = (password.to_owned(), stored.map_or(NOBODY, String::as_str).to_owned());
        let compared = tokio::task::spawn_blocking(move || {
            // Kept to the end even if the client leaves, or leaving would be a way around the queue.
            let _held = (place, turn);
            bcrypt::verify(password, &hash).unwrap_or(false)
        });
        if compared.await.unwrap_or(false) && stored.is_some() {
            self.remember(mac);
            return Verdict::Right;
        }
        Verdict::Wrong
    }

    fn mac(&self, user: &str, password: &str, stored: &str) -> Vec<u8> {
        let mut context = hmac::Context::with_key(&self.key);
        for part in [user, password, stored] {
            // The length first: no two triples give the same bytes.
            context.update(&(part.len() as u64).to_le_bytes());
            context.update(part.as_bytes());
        }
        context.sign().as_ref().to_vec()
    }

    fn remembers(&self, mac: &[u8]) -> bool {
        self.right.lock().is_ok_and(|right| right.contains(mac))
    }

    fn remember(&self, mac: Vec<u8>) {
        if let Ok(mut right) = self.right.lock() {
            if right.len() >= REMEMBERED_MAX {
                right.clear();
            }
            right.insert(mac);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn comparer() -> Comparer {
        Comparer::new(hmac::Key::new(hmac::HMAC_SHA256, b"test"))
    }

    #[tokio::test]
    async fn only_the_right_password_of_a_known_user_passes_and_is_remembered() {
        let comparer = comparer();
        let users = BTreeMap::from([("ann".to_owned(), bcrypt::hash("secret", 4).unwrap())]);
        assert_eq!(comparer.compare(&users, "ann", "wrong").await, Verdict::Wrong);
        assert_eq!(comparer.compare(&users, "bob", "secret").await, Verdict::Wrong);
        assert!(comparer.right.lock().unwrap().is_empty());
        assert_eq!(comparer.compare(&users, "ann", "secret").await, Verdict::Right);
        assert_eq!(comparer.right.lock().unwrap().len(), 1);
        // With the queue shut only what is remembered passes.
        comparer.waiting.close();
        assert_eq!(comparer.compare(&users, "ann", "secret").await, Verdict::Right);
        assert_eq!(comparer.compare(&users, "ann", "wrong").await, Verdict::Busy);
        let changed = BTreeMap::from([("ann".to_owned(), bcrypt::hash("other", 4).unwrap())]);
        assert_eq!(comparer.compare(&changed, "ann", "secret").await, Verdict::Busy);
    }

    #[test]
    fn the_hash_for_unknown_users_is_one_that_bcrypt_works_on() {
        assert_eq!(NOBODY.parse::<bcrypt::HashParts>().unwrap().get_cost(), 10);
        assert!(!bcrypt::verify("", NOBODY).unwrap());
    }
}

//! Lists of which there is one or more for each device, and which seldom have more than one or two members. What a list
//! doubles to, or takes at first, would be most of what a hundred thousand devices cost. Nothing here may change what is
//! in a list.

/// Adds a member; the room grows by an eighth, and by one at least.
pub(crate) fn push<T>(list: &mut Vec<T>, member: T) {
    if list.len() == list.capacity() {
        list.reserve_exact((list.len() / 8).max(1));
    }
    list.push(member);
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_list_takes_little_more_room_than_it_needs() {
        let mut list = Vec::new();
        for number in 0..1000_u64 {
            super::push(&mut list, number);
            assert!(list.capacity() <= list.len() + list.len() / 8 + 1, "{}", list.len());
        }
        assert_eq!(list.len(), 1000);
        assert_eq!(list[999], 999);
    }
}

use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};

use super::*;

#[test]
fn two_tables_are_the_same_only_if_they_are_one() {
    static OTHER: Rules = Rules::SHIPPED;
    let (shipped, other) = (Table(&Rules::SHIPPED), Table(&OTHER));
    assert!(shipped == shipped);
    assert!(shipped != other);
    let hash = |table| BuildHasherDefault::<DefaultHasher>::default().hash_one(table);
    assert_eq!(hash(shipped), hash(shipped));
    assert_eq!(format!("{shipped:?}"), "Rules");
}

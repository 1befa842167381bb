//! Effects and answers as the model knows them: numbers and letters instead of values; and the table
//! that gives each value its number.

use std::collections::HashMap;
use std::hash::Hash;
use std::rc::Rc;

use imageshare::core::effect::{Created, Refusal, Updated};
use imageshare::core::object::Place;
use imageshare::core::ownership::{Move, Role};
use imageshare::reason::Reason;

use crate::world::Terms;

/// Values by number, each once.
pub struct Interned<T> {
    values: Vec<Rc<T>>,
    numbers: HashMap<Rc<T>, u32>,
}

impl<T> Default for Interned<T> {
    fn default() -> Self {
        Self { values: vec![], numbers: HashMap::new() }
    }
}

impl<T: Eq + Hash> Interned<T> {
    pub fn number(&mut self, value: T) -> u32 {
        if let Some(number) = self.numbers.get(&value) {
            return *number;
        }
        let number = u32::try_from(self.values.len()).unwrap();
        let value = Rc::new(value);
        self.values.push(value.clone());
        self.numbers.insert(value, number);
        number
    }

    pub fn get(&self, number: u32) -> Rc<T> {
        self.values[number as usize].clone()
    }

    pub fn len(&self) -> usize {
        self.values.len()
    }
}

/// What comes of an effect, small.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Came {
    Read { object: u32, is_unchanged: bool },
    Written(u32),
    Refused(Refusal),
    Crd,
    Credentials,
    Rejected,
    NothingKnown,
    Terminating,
    Unread,
    Emitted,
    Place(Placed),
    Listed(Option<Terms>),
    Looked(Option<Terms>),
    Created(Created),
    Updated(Updated),
    Deleted,
    Failed(Verb, Reason),
    NoWriteRight,
}

/// Which call failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verb {
    List,
    Look,
    Create,
    Update,
    Delete,
}

/// A place, small: the slot of the other object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Placed {
    pub role: Role,
    pub other: Option<u8>,
}

impl Placed {
    pub fn open(self) -> Place {
        Place { role: self.role, other: self.other.map(|other| format!("ns/{}", other / 8)) }
    }
}

/// Which credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    Current,
    LastTry,
    LastKnown,
    ToKeep,
}

/// What a pass wants, small.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    ReadObject,
    ReadCrd,
    ReadCredentials(Which),
    AddFinalizer,
    RemoveFinalizer,
    /// The status, and whether it calls the share the object's own.
    WriteStatus(u32, bool),
    Emit {
        is_orphan: bool,
    },
    Transfer(Move),
    List,
    Look,
    Create(Terms),
    Update(Terms),
    Delete,
    Done(u32),
}

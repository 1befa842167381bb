//! A world in a few words: most of the time goes into looking up whether a world was met before, and
//! most of the memory into keeping them. Nothing is lost: what does not fit ends the search.

use std::hash::{Hash, Hasher};

use crate::world::{
    Ahead, Budget, Event, Flying, Former, Maker, Running, Share, Slot, Terms, World,
};

/// A world.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packed<const N: usize> {
    slots: [[u64; 2]; N],
    rest: [u64; 2],
}

impl<const N: usize> Hash for Packed<N> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.slots.iter().flatten().chain(&self.rest).for_each(|word| state.write_u64(*word));
    }
}

/// Puts numbers of some bits into a word, and takes them out again in the same order.
struct Bits(u64, u32);

impl Bits {
    fn put(&mut self, bits: u32, value: u64) {
        assert!(value < 1 << bits && self.1 + bits <= 64, "{value} in {bits} bits");
        self.0 |= value << self.1;
        self.1 += bits;
    }

    fn take(&mut self, bits: u32) -> u64 {
        let value = (self.0 >> self.1) & ((1 << bits) - 1);
        self.1 += bits;
        value
    }

    /// One more than a number, or zero.
    fn put_number(&mut self, bits: u32, number: Option<u32>) {
        self.put(bits, number.map_or(0, |number| u64::from(number) + 1));
    }

    fn take_number(&mut self, bits: u32) -> Option<u32> {
        u32::try_from(self.take(bits)).ok()?.checked_sub(1)
    }

    fn put_bit(&mut self, bit: bool) {
        self.put(1, u64::from(bit));
    }

    fn take_bit(&mut self) -> bool {
        self.take(1) == 1
    }

    fn small(&mut self, bits: u32) -> u8 {
        u8::try_from(self.take(bits)).unwrap_or_default()
    }

    fn put_terms(&mut self, terms: Terms) {
        self.put_bit(terms == Terms::B);
    }

    fn terms(&mut self) -> Terms {
        if self.take_bit() { Terms::B } else { Terms::A }
    }
}

const AHEAD: [Ahead; 4] = [Ahead::No, Ahead::News, Ahead::Beyond, Ahead::Unsure];

impl<const N: usize> World<N> {
    pub fn pack(&self) -> Packed<N> {
        // One that is wrong is never kept for what follows from it.
        let World { slots, owners, share, flying, trusted, young, left, wrong: _ } = self;
        let mut rest = Bits(0, 0);
        rest.put(16, (*owners).into());
        rest.put_bit(*trusted);
        rest.put_bit(*young);
        let maker = share.map(|share| match share.maker {
            Maker::First => 0,
            Maker::Other => 1,
            Maker::Ours(slot) => 2 + u32::from(slot),
        });
        rest.put_number(4, maker);
        rest.put_terms(share.map_or(Terms::A, |share| share.terms));
        rest.put_number(4, flying.map(|flying| flying.slot.into()));
        rest.put_terms(flying.map_or(Terms::A, |flying| flying.terms));
        rest.put_bit(flying.is_some_and(|flying| flying.former));
        let mut budget = Bits(0, 0);
        left.each().iter().for_each(|left| budget.put(5, (*left).into()));
        Packed { slots: slots.map(|slot| packed(&slot)), rest: [rest.0, budget.0] }
    }

    pub fn unpack(packed: &Packed<N>) -> Self {
        let [mut rest, mut budget] = packed.rest.map(|word| Bits(word, 0));
        let owners = u32::try_from(rest.take(16)).unwrap_or_default();
        let (trusted, young) = (rest.take_bit(), rest.take_bit());
        let maker = rest.take_number(4).map(|maker| match maker {
            0 => Maker::First,
            1 => Maker::Other,
            slot => Maker::Ours(u8::try_from(slot - 2).unwrap_or_default()),
        });
        let terms = rest.terms();
        let share = maker.map(|maker| Share { terms, maker });
        let slot = rest.take_number(4);
        let (terms, former) = (rest.terms(), rest.take_bit());
        let slot = slot.map(|slot| u8::try_from(slot).unwrap_or_default());
        let flying = slot.map(|slot| Flying { slot, terms, former });
        let left = Budget::of(std::array::from_fn(|_| budget.small(5)));
        let slots = packed.slots.map(unpacked);
        World { slots, owners, share, flying, trusted, young, left, wrong: None }
    }
}

fn packed(slot: &Slot) -> [u64; 2] {
    let Slot { object, life, unsent, news, cached, woken, state, ahead, pass, former, excused } =
        *slot;
    let (mut numbers, mut rest) = (Bits(0, 0), Bits(0, 0));
    numbers.put_number(16, object);
    numbers.put_number(16, cached.map(|(object, _)| object));
    numbers.put_number(16, news.and_then(|Event(object, _)| object));
    numbers.put_number(16, state);
    rest.put_number(24, pass.map(|running| running.pass));
    let of_pass = pass.map_or((0, false, Ahead::No), |run| (run.life, run.stale, run.ahead));
    for life in
        [life, cached.map_or(0, |(_, life)| life), news.map_or(0, |Event(_, life)| life), of_pass.0]
    {
        rest.put(3, life.into());
    }
    for bit in [unsent, woken, excused, news.is_some(), of_pass.1] {
        rest.put_bit(bit);
    }
    rest.put(2, ahead as u64);
    rest.put(2, of_pass.2 as u64);
    put_former(&mut rest, former);
    [numbers.0, rest.0]
}

/// Which, and its number or terms.
fn put_former(rest: &mut Bits, former: Option<Former>) {
    let (kind, number) = match former {
        None => (0, 0),
        Some(Former::AddFinalizer) => (1, 0),
        Some(Former::Status(number)) => (2, number.into()),
        Some(Former::Create(terms)) => (3, u64::from(terms == Terms::B)),
        Some(Former::Update(terms)) => (4, u64::from(terms == Terms::B)),
        Some(Former::Delete) => (5, 0),
    };
    rest.put(3, kind);
    rest.put(14, number);
}

fn former(rest: &mut Bits) -> Option<Former> {
    let (kind, number) = (rest.take(3), rest.take(14));
    let terms = if number == 1 { Terms::B } else { Terms::A };
    Some(match kind {
        1 => Former::AddFinalizer,
        2 => Former::Status(u32::try_from(number).unwrap_or_default()),
        3 => Former::Create(terms),
        4 => Former::Update(terms),
        5 => Former::Delete,
        _ => return None,
    })
}

fn unpacked([numbers, rest]: [u64; 2]) -> Slot {
    let (mut numbers, mut rest) = (Bits(numbers, 0), Bits(rest, 0));
    let object = numbers.take_number(16);
    let (cached, news, state) =
        (numbers.take_number(16), numbers.take_number(16), numbers.take_number(16));
    let pass = rest.take_number(24);
    let [life, life_cached, life_of_news, life_of_pass] = std::array::from_fn(|_| rest.small(3));
    let [unsent, woken, excused, has_news, is_stale] = std::array::from_fn(|_| rest.take_bit());
    let [ahead, ahead_of_pass] = std::array::from_fn(|_| AHEAD[usize::from(rest.small(2))]);
    Slot {
        object,
        life,
        unsent,
        news: has_news.then_some(Event(news, life_of_news)),
        cached: cached.map(|object| (object, life_cached)),
        woken,
        state,
        ahead,
        pass: pass.map(|pass| Running {
            pass,
            life: life_of_pass,
            stale: is_stale,
            ahead: ahead_of_pass,
        }),
        former: former(&mut rest),
        excused,
    }
}

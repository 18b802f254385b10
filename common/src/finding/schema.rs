//! What may be said of a format: properties, their limits, and which filter field each one feeds.

use crate::field::Field;

/// What may stand in one place of a document.
pub(super) enum Node {
    Any,
    Text(Text),
    Number(Number),
    Flag(Option<Field>),
    Object(&'static Object),
    List(List),
    Map(Map),
    /// As the inner node where it fits; kept and not read where it does not.
    Lenient(&'static Node),
}

/// The properties of an object, sorted by name.
pub(super) struct Object {
    pub properties: &'static [Property],
    /// Bits of the properties that must be there.
    pub required: u64,
    /// One more than the number of the property, at the place of its name's digest or behind it; 0 where there is none.
    index: [u8; INDEX],
}

/// A property of an object.
pub(super) struct Property {
    pub name: &'static str,
    pub required: bool,
    pub marks: Marks,
    pub node: Node,
}

/// Properties that the reader asks for after its walk.
#[derive(Clone, Copy)]
#[repr(u8)]
pub(super) enum Mark {
    Severity,
    /// Label or number of the severity.
    SeverityLevel,
    Types,
    ProvidedSeverity,
    ProvidedTypes,
    /// One that belongs to operators.
    Owned,
}

#[derive(Clone, Copy, Default)]
pub(super) struct Marks(u8);

impl Marks {
    pub(super) const fn has(self, mark: Mark) -> bool {
        self.0 >> mark as u8 & 1 == 1
    }

    pub(super) const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

pub(super) struct Text {
    /// In characters.
    pub min: usize,
    pub max: usize,
    pub form: Form,
    pub field: Option<Field>,
}

pub(super) enum Form {
    /// Any text with a visible character, as AWS asks of most strings.
    Visible,
    /// Any text, also an empty one.
    Free,
    Account,
    ProductArn,
    /// `namespace/category/classifier`, at most two slashes, no empty part.
    FindingType,
    Timestamp,
    OneOf(&'static [&'static str]),
}

pub(super) struct Number {
    pub min: f64,
    pub max: f64,
    pub whole: bool,
    pub field: Option<Field>,
}

pub(super) struct List {
    pub min: usize,
    pub max: usize,
    pub item: &'static Node,
}

/// Text by text.
pub(super) struct Map {
    pub max: usize,
    pub key_max: usize,
    pub value_max: usize,
    pub field: Option<Field>,
}

const INDEX: usize = 128;

impl Object {
    pub(super) const fn new(properties: &'static [Property]) -> Self {
        let mut index = [0; INDEX];
        let mut required = 0;
        let mut number = 0;
        while number < properties.len() {
            let mut place = digest(properties[number].name.as_bytes());
            while index[place] != 0 {
                place = (place + 1) % INDEX;
            }
            index[place] = number as u8 + 1;
            required |= (properties[number].required as u64) << number;
            number += 1;
        }
        Self {
            properties,
            required,
            index,
        }
    }

    /// Finds a property by its name.
    pub(super) fn find(&self, name: &str) -> Option<usize> {
        let mut place = digest(name.as_bytes());
        loop {
            let number = usize::from(self.index[place]).checked_sub(1)?;
            if self.properties[number].name == name {
                return Some(number);
            }
            place = (place + 1) % INDEX;
        }
    }
}

/// A small number for a name, from its length and its first and last bytes.
const fn digest(name: &[u8]) -> usize {
    let [first, middle, last] = match name {
        [] => [0, 0, 0],
        name => [name[0], name[name.len() / 2], name[name.len() - 1]],
    };
    let mixed = first as usize * 7 + middle as usize * 31 + last as usize * 3 + name.len() * 13;
    mixed % INDEX
}

pub(super) const ANY_LENGTH: usize = usize::MAX;

pub(super) const fn may(name: &'static str, node: Node) -> Property {
    Property {
        name,
        required: false,
        marks: Marks(0),
        node,
    }
}

pub(super) const fn must(name: &'static str, node: Node) -> Property {
    Property {
        name,
        required: true,
        marks: Marks(0),
        node,
    }
}

pub(super) const fn marked(mark: Mark, property: Property) -> Property {
    let Property {
        name,
        required,
        node,
        ..
    } = property;
    Property {
        name,
        required,
        marks: Marks(1 << mark as u8),
        node,
    }
}

pub(super) const fn text(max: usize, field: Field) -> Node {
    Node::Text(Text {
        min: 1,
        max,
        form: Form::Visible,
        field: Some(field),
    })
}

pub(super) const fn plain(max: usize) -> Node {
    Node::Text(Text {
        min: 1,
        max,
        form: Form::Visible,
        field: None,
    })
}

pub(super) const fn formed(form: Form, field: Field) -> Node {
    Node::Text(Text {
        min: 0,
        max: ANY_LENGTH,
        form,
        field: Some(field),
    })
}

pub(super) const fn date(field: Field) -> Node {
    formed(Form::Timestamp, field)
}

pub(super) const fn free(field: Field) -> Node {
    formed(Form::Free, field)
}

pub(super) const fn one_of(values: &'static [&'static str], field: Field) -> Node {
    formed(Form::OneOf(values), field)
}

pub(super) const fn number(field: Field) -> Node {
    Node::Number(Number {
        min: f64::MIN,
        max: f64::MAX,
        whole: false,
        field: Some(field),
    })
}

pub(super) const fn percent(field: Field) -> Node {
    Node::Number(Number {
        min: 0.0,
        max: 100.0,
        whole: true,
        field: Some(field),
    })
}

pub(super) const fn list(max: usize, item: &'static Node) -> Node {
    Node::List(List { min: 0, max, item })
}

pub(super) const fn map(max: usize, key_max: usize, value_max: usize, field: Field) -> Node {
    Node::Map(Map {
        max,
        key_max,
        value_max,
        field: Some(field),
    })
}

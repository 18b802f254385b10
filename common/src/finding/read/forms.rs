//! Forms of documents, learnt while reading.
//!
//! A provider writes its findings alike: the same names in the same order, with other values between them. What stands
//! between the values decides what they mean, so a document whose text between the values was met before is read by
//! comparing that text and taking the values, without asking the schema for each name. The forms are a tree: each step
//! is a piece of text and the kind of value behind it, and documents share their steps up to where they differ.
//!
//! What is learnt changes no answer: a document of another form, and one with a value that is refused, is walked through
//! from its start. Each thread learns for itself, and a limited number of steps.

use std::cell::RefCell;
use std::ops::Range;

use super::{Mode, Walk};
use crate::field::{Field, FieldSet};
use crate::finding::json::{Scalar, Token};
use crate::finding::row::Value;
use crate::finding::schema::{Map, Number, Text};

/// Some hundred forms, in less than 2 MB.
const STEPS_MAX: usize = 16_384;
const TEXT_BYTES_MAX: usize = 1 << 20;
/// The most forms that differ in the same place.
const BESIDE_MAX: usize = 16;
/// After so many documents of unknown forms everything is forgotten: what providers write may have changed.
const UNKNOWN_MAX: u32 = 16_384;

thread_local! {
    static FORMS: RefCell<Forms> = RefCell::default();
}

/// What a scalar means.
#[derive(Clone)]
pub(super) enum Leaf {
    /// It is kept and not read.
    Nothing,
    Text(&'static Text, Mode),
    Number(&'static Number, Mode),
    Flag(Option<Field>),
    /// The value of a key.
    Pair(&'static Map, Box<str>, Mode),
    /// There is none: the document ends.
    End(Box<[Owned]>),
}

/// A property that belongs to operators, and where its value starts and ends.
type Owned = (&'static str, Place, Place);

/// A place in every document of a form.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// So many scalars stand before it.
    scalars: usize,
    /// Bytes behind the last of them.
    behind: usize,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Null,
    Flag,
    Number,
    Text,
    End,
}

struct Step {
    /// What stands before the scalar, in the forms' text.
    piece: Range<usize>,
    kind: Kind,
    leaf: Leaf,
    /// The first step behind it; 0 for none.
    next: usize,
    /// Another step that may stand in its place; 0 for none.
    beside: usize,
}

#[derive(Default)]
struct Forms {
    /// None, or the first one stands for the start of every document.
    steps: Vec<Step>,
    text: Vec<u8>,
    unknown: u32,
}

/// Reads a whole finding whose form is known; `None` if it is not, or if a value is refused.
pub(super) fn read(text: &str, wanted: FieldSet) -> Option<Walk<'_>> {
    FORMS.with_borrow(|forms| forms.read(text, wanted))
}

/// Learns the form of a finding that was read.
pub(super) fn learn(text: &str, walk: &Walk<'_>) {
    FORMS.with_borrow_mut(|forms| forms.learn(text.as_bytes(), walk));
}

impl Forms {
    fn read<'a>(&self, text: &'a str, wanted: FieldSet) -> Option<Walk<'a>> {
        let mut step = self.steps.first()?;
        let mut walk = Walk::new(text, wanted, Mode::Whole);
        loop {
            step = self.step(step.next, walk.json.rest())?;
            walk.json.pass(step.piece.len());
            if let Leaf::End(owned) = &step.leaf {
                let scalars = walk.json.scalars();
                let place =
                    |(name, start, end): &Owned| (*name, start.of(scalars)..end.of(scalars));
                walk.owned = owned.iter().map(place).collect();
                return Some(walk);
            }
            let token = walk.json.token().ok()?;
            let taken = match (&step.leaf, token) {
                (Leaf::Text(text, mode), Token::Text(value)) => walk.text(text, &value, *mode),
                (Leaf::Pair(limits, key, mode), Token::Text(value)) => {
                    walk.pair(limits, key, &value, *mode)
                }
                (Leaf::Number(number, mode), Token::Number(value)) => {
                    walk.number(number, value, *mode)
                }
                (Leaf::Flag(field), Token::Flag(value)) => {
                    walk.push(*field, Value::Flag(value));
                    Ok(())
                }
                (Leaf::Nothing, _) => Ok(()),
                _ => return None,
            };
            taken.ok()?;
        }
    }

    /// The step of `first` and those beside it that fits what stands next.
    fn step(&self, first: usize, rest: &[u8]) -> Option<&Step> {
        let mut at = first;
        while at != 0 {
            let step = &self.steps[at];
            let piece = &self.text[step.piece.clone()];
            if rest.starts_with(piece) && kind(rest.get(piece.len())) == Some(step.kind) {
                return Some(step);
            }
            at = step.beside;
        }
        None
    }

    fn learn(&mut self, text: &[u8], walk: &Walk<'_>) {
        self.unknown += 1;
        if self.unknown > UNKNOWN_MAX {
            *self = Self::default();
        }
        let scalars = walk.json.scalars();
        let room = self.steps.len() + scalars.len() < STEPS_MAX;
        if !room || self.text.len() + text.len() > TEXT_BYTES_MAX {
            return;
        }
        if self.steps.is_empty() {
            self.add(b"", Kind::Null, Leaf::Nothing);
        }
        let mut step = 0;
        let mut at = 0;
        let leaves = walk.leaves.iter().cloned();
        let leaves = leaves.chain(std::iter::repeat(Leaf::Nothing));
        for (scalar, leaf) in scalars.iter().zip(leaves) {
            let quote = usize::from(text[..scalar.start as usize].ends_with(b"\""));
            let start = scalar.start as usize - quote;
            let kind = kind(text.get(start)).expect("a scalar starts there");
            let Some(next) = self.follow(step, &text[at..start], kind, leaf) else {
                return;
            };
            step = next;
            at = scalar.end as usize + quote;
        }
        let place = |at| Place::at(at, scalars);
        let owned = walk.owned.iter();
        let owned = owned.map(|(name, range)| (*name, place(range.start), place(range.end)));
        self.follow(step, &text[at..], Kind::End, Leaf::End(owned.collect()));
    }

    /// The step behind another one, which is added if it is new. `None` if there are too many.
    fn follow(&mut self, step: usize, piece: &[u8], kind: Kind, leaf: Leaf) -> Option<usize> {
        let mut last = None;
        let mut at = self.steps[step].next;
        let mut count = 0;
        while at != 0 {
            let known = &self.steps[at];
            if known.kind == kind && self.text[known.piece.clone()] == *piece {
                return Some(at);
            }
            last = Some(at);
            at = known.beside;
            count += 1;
        }
        if count == BESIDE_MAX {
            return None;
        }
        let new = self.add(piece, kind, leaf);
        match last {
            Some(last) => self.steps[last].beside = new,
            None => self.steps[step].next = new,
        }
        Some(new)
    }

    fn add(&mut self, piece: &[u8], kind: Kind, leaf: Leaf) -> usize {
        let start = self.text.len();
        self.text.extend_from_slice(piece);
        self.steps.push(Step {
            piece: start..self.text.len(),
            kind,
            leaf,
            next: 0,
            beside: 0,
        });
        self.steps.len() - 1
    }
}

impl Place {
    fn at(at: usize, scalars: &[Scalar]) -> Self {
        let before = scalars.partition_point(|scalar| scalar.end as usize <= at);
        Self {
            scalars: before,
            behind: at - end(&scalars[..before]),
        }
    }

    fn of(self, scalars: &[Scalar]) -> usize {
        end(&scalars[..self.scalars]) + self.behind
    }
}

/// Where the last of them ends.
fn end(scalars: &[Scalar]) -> usize {
    scalars.last().map_or(0, |last| last.end as usize)
}

/// What starts with this byte.
const fn kind(first: Option<&u8>) -> Option<Kind> {
    match first {
        None => Some(Kind::End),
        Some(b'"') => Some(Kind::Text),
        Some(b'-' | b'0'..=b'9') => Some(Kind::Number),
        Some(b't' | b'f') => Some(Kind::Flag),
        Some(b'n') => Some(Kind::Null),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{Whole, walk};
    use super::*;
    use crate::sample::World;
    use crate::timestamp::Timestamp;

    /// What operators own, what nobody asks for, nulls, escapes, white space, lists, maps, and what is kept as it is.
    const FINDING: &str = r#"{"SchemaVersion":"2018-10-08","Id":"a-1","ProductArn":"arn:aws:securityhub:eu-west-1::product/aws/guardduty",
 "GeneratorId":"g\u00e9","AwsAccountId":"123456789012","Types":["a/b","c"],"CreatedAt":"2026-01-02T03:04:05Z",
 "UpdatedAt":"2026-01-02T03:04:05.678Z","Severity":{"Normalized":40,"Label":"MEDIUM"},"Title":"t","Description":"d\"q\"",
 "ProductFields":{"k":"v","aws/securityhub/x":"y","n":null},"Unknown":{"a":[1,true,null,"x",{}],"b":-1.5e3},
 "Resources":[{"Type":"AwsEc2Instance","Id":"i-1","Tags":{},"Details":{"AwsEc2Instance":{"ImageId":7,"KeyName":"k",
 "LaunchedAt":"never","IpV4Addresses":["10.0.0.1","10.0.0.2"]}}},{"Type":"Other","Id":"o"}],"Note":{"Text":"n",
 "UpdatedBy":"me","UpdatedAt":"2026-01-02T03:04:05Z"},"UserDefinedFields":{ } ,"Sample":false,"Confidence":null,
 "Workflow":{"Status":"NEW"},"VerificationState":"UNKNOWN" }"#;

    fn anew(text: &str) -> Option<Walk<'_>> {
        walk(text, FieldSet::ALL, Mode::Whole).ok()
    }

    fn parts(text: &str, walk: Walk<'_>) -> impl PartialEq + std::fmt::Debug {
        let Whole {
            row,
            id,
            account,
            product,
            owned,
            scalars,
        } = walk.whole(text);
        let owned: Vec<_> = owned
            .iter()
            .map(|(name, at)| (*name, (*at).to_owned()))
            .collect();
        (
            row,
            id,
            account,
            product.as_str().to_owned(),
            owned,
            scalars,
        )
    }

    /// Reads a document with what is known and without. Answers whether its form was known.
    fn agree(forms: &Forms, text: &str) -> bool {
        let Some(known) = forms.read(text, FieldSet::ALL) else {
            return false;
        };
        let anew = anew(text).unwrap_or_else(|| panic!("{text} is refused"));
        assert_eq!(parts(text, known), parts(text, anew));
        true
    }

    fn learn(forms: &mut Forms, text: &str) {
        let walk = anew(text).unwrap_or_else(|| panic!("{text} is refused"));
        forms.learn(text.as_bytes(), &walk);
    }

    #[test]
    fn what_was_learnt_reads_the_same() {
        let mut forms = Forms::default();
        let world = World {
            accounts: 7,
            resources: 50,
            now: Timestamp::default(),
        };
        let documents: Vec<_> = (0..200).map(|number| world.finding(number)).collect();
        for text in documents.iter().map(String::as_str).chain([FINDING]) {
            learn(&mut forms, text);
            assert!(agree(&forms, text), "{text}");
        }
        assert!(documents.iter().all(|text| agree(&forms, text)));
    }

    #[test]
    fn other_values_are_read_and_other_forms_are_not() {
        let mut forms = Forms::default();
        learn(&mut forms, FINDING);
        for (from, to, known) in [
            (r#""a-1""#, r#""another \\ one""#, true),
            ("40", "7e1", true),
            ("\"Sample\":false", "\"Sample\":true", true),
            (r#""x",{}"#, r#""",{}"#, true),
            ("\"n\":null", "\"n\":\"v\"", false),
            ("\"Sample\":false", "\"Sample\":0", false),
            (":40", ": 40", false),
            ("\"Note\"", "\"note\"", false),
            (r#","VerificationState":"UNKNOWN" }"#, "}", false),
            // What is refused is refused by those who say why.
            ("\"MEDIUM\"", "\"SOME\"", false),
            ("40", "400", false),
            ("40", "4x", false),
            ("123456789012", "12345678901", false),
            ("05.678Z", "65.678Z", false),
            ("\"UNKNOWN\" }", "\"UNKNOWN\" }}", false),
            ("\"UNKNOWN\" }", "\"UNKNOWN\" ", false),
        ] {
            let text = FINDING.replacen(from, to, 1);
            assert_ne!(text, FINDING, "{from}");
            assert_eq!(agree(&forms, &text), known, "{from} as {to}");
        }
    }

    #[test]
    fn what_is_kept_has_limits_and_is_forgotten_when_it_serves_nobody() {
        let mut forms = Forms::default();
        let named = |name: u32| FINDING.replacen("Unknown", &format!("name{name}"), 1);
        for name in 0..UNKNOWN_MAX {
            learn(&mut forms, &named(name));
        }
        assert!(agree(&forms, &named(0)));
        assert!(!agree(&forms, &named(BESIDE_MAX as u32)));
        learn(&mut forms, &named(UNKNOWN_MAX));
        assert!(agree(&forms, &named(UNKNOWN_MAX)));
        assert!(!agree(&forms, &named(0)));
        // Forms that differ in several places.
        for name in 0..4_096_u32 {
            let at = |shift: u32| name >> shift & 15;
            let text = FINDING
                .replacen("Unknown", &format!("name{}", at(0)), 1)
                .replacen(r#""b":-"#, &format!(r#""b{}":-"#, at(4)), 1)
                .replacen("KeyName", &format!("key{}", at(8)), 1);
            learn(&mut forms, &text);
        }
        assert!(forms.steps.len() > STEPS_MAX / 2 && forms.steps.len() <= STEPS_MAX);
        assert!(forms.text.len() <= TEXT_BYTES_MAX);
    }

    proptest! {
        #[test]
        fn whatever_is_learnt_agrees(edits in proptest::collection::vec((any::<prop::sample::Index>(), 0_usize..3, r#"[\[\]{}:,"\\ nullte0-9.-]{0,2}"#), 1..40)) {
            let mut forms = Forms::default();
            let mut text = FINDING.to_owned();
            for (at, cut, with) in edits {
                let at = at.index(text.len());
                let mut edited = text.clone();
                if edited.get(at..at + cut).is_some() {
                    edited.replace_range(at..at + cut, &with);
                }
                agree(&forms, &edited);
                if anew(&edited).is_some() {
                    learn(&mut forms, &edited);
                    assert!(agree(&forms, &edited), "{}", edited);
                    text = edited;
                }
            }
        }
    }
}

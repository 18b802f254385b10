//! XML as AWS writes it, read into a tree. An answer is read whole, and is no deeper and has no more elements than AWS needs.

use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesRef, BytesStart, Event};

const DEPTH_MAX: usize = 64;
const ELEMENTS_MAX: usize = 1_000_000;

/// An element, its name without a prefix.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Element {
    pub name: String,
    /// Without namespaces.
    pub attributes: Vec<(String, String)>,
    pub children: Vec<Element>,
    /// What stands between the tags; that of an element with children is white space.
    pub text: String,
}

/// Why there is no tree.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the answer is no XML that can be read: {0}")]
pub(super) struct InvalidXml(String);

impl Element {
    /// Reads a document.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, InvalidXml> {
        let text = std::str::from_utf8(bytes).map_err(|_| InvalidXml("not UTF-8".to_owned()))?;
        let mut reader = Reader::from_str(text);
        let mut open: Vec<Self> = Vec::new();
        let mut count = 0;
        loop {
            let event = reader
                .read_event()
                .map_err(|error| InvalidXml(error.to_string()))?;
            match event {
                Event::Start(tag) => {
                    count += 1;
                    if open.len() == DEPTH_MAX || count > ELEMENTS_MAX {
                        return Err(InvalidXml("too deep or too many elements".to_owned()));
                    }
                    open.push(opened(&tag)?);
                }
                Event::Empty(tag) => {
                    count += 1;
                    let element = opened(&tag)?;
                    match open.last_mut() {
                        Some(holder) if count <= ELEMENTS_MAX => holder.children.push(element),
                        Some(_) => return Err(InvalidXml("too many elements".to_owned())),
                        None => return Ok(element),
                    }
                }
                Event::End(_) => {
                    let Some(element) = open.pop() else {
                        return Err(InvalidXml("an end without a start".to_owned()));
                    };
                    match open.last_mut() {
                        Some(holder) => holder.children.push(element),
                        None => return Ok(element),
                    }
                }
                Event::Text(text) => append(&mut open, &text.xml10_content()),
                Event::CData(text) => append(&mut open, &text.xml10_content()),
                Event::GeneralRef(reference) => append(&mut open, &referred(&reference)?),
                Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => {}
                Event::Eof => return Err(InvalidXml("it ends early".to_owned())),
            }
        }
    }

    pub(super) fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    pub(super) fn into_child(self, name: &str) -> Option<Self> {
        self.children.into_iter().find(|child| child.name == name)
    }

    /// The first element of that name, this one or one below it.
    pub(super) fn find(&self, name: &str) -> Option<&Self> {
        if self.name == name {
            return Some(self);
        }
        self.children.iter().find_map(|child| child.find(name))
    }
}

fn opened(tag: &BytesStart<'_>) -> Result<Element, InvalidXml> {
    let mut attributes = Vec::new();
    for attribute in tag.attributes() {
        let attribute = attribute.map_err(|error| InvalidXml(error.to_string()))?;
        let name = attribute.key.into_inner();
        if name != "xmlns" && !name.starts_with("xmlns:") {
            let name = attribute.key.local_name().into_inner().to_owned();
            attributes.push((name, attribute.value.into_owned()));
        }
    }
    Ok(Element {
        name: tag.local_name().into_inner().to_owned(),
        attributes,
        ..Element::default()
    })
}

fn append(open: &mut [Element], text: &str) {
    if let Some(element) = open.last_mut() {
        element.text.push_str(text);
    }
}

/// What `&amp;` or `&#38;` stands for. Entities of a document's own are not read.
fn referred(reference: &BytesRef<'_>) -> Result<String, InvalidXml> {
    let character = reference
        .resolve_char_ref()
        .map_err(|error| InvalidXml(error.to_string()))?;
    if let Some(character) = character {
        return Ok(character.to_string());
    }
    resolve_predefined_entity(reference)
        .map(str::to_owned)
        .ok_or_else(|| InvalidXml("an unknown entity".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_read_with_its_references() {
        let text = br#"<?xml version="1.0"?><A xmlns="x" xmlns:y="z"><B y:type="Group">a &amp; &#98;<![CDATA[<c>]]></B><C/></A>"#;
        let read = Element::parse(text).unwrap();
        assert_eq!(read.children.len(), 2);
        let b = read.child("B").unwrap();
        assert_eq!(b.text, "a & b<c>");
        assert_eq!(b.attributes, [("type".to_owned(), "Group".to_owned())]);
        assert!(read.attributes.is_empty());
    }

    #[test]
    fn what_is_no_document_is_refused() {
        for text in ["", "no", "<a>", "<a></b>", "<a>&own;</a>", "</a>"] {
            assert!(Element::parse(text.as_bytes()).is_err(), "{text}");
        }
        let deep = "<a>".repeat(100) + &"</a>".repeat(100);
        assert!(Element::parse(deep.as_bytes()).is_err());
        let wide = format!("<a>{}</a>", "<b/>".repeat(ELEMENTS_MAX + 1));
        assert!(Element::parse(wide.as_bytes()).is_err());
    }
}

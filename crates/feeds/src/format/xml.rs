//! XML documents, read element by element from their text.
//!
//! Only what feeds use: elements, attributes, text, the five predefined entities and character
//! references. Names are local: the vendors disagree about prefixes. A document type is refused, so
//! that nothing can be defined, fetched or expanded; where a feed has one, it may name where its
//! definition is, which is passed over, but define nothing.

use std::borrow::Cow;

use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;

use crate::XmlError;
use crate::{FeedError, Fetched};

/// Deepest nesting read; feeds stay below twenty.
const DEPTH: usize = 96;

/// A document being read.
pub(crate) struct Xml<'a> {
    reader: Reader<&'a [u8]>,
    file: String,
    depth: usize,
    may_have_doctype: bool,
}

/// What comes next in a document.
pub(crate) enum Node<'a> {
    /// An element begins.
    Open(Element<'a>),
    /// The innermost open element ends.
    Close,
    /// A piece of text. A run of text comes in several pieces where it has entities.
    Text(Cow<'a, str>),
}

/// The beginning of an element.
pub(crate) struct Element<'a>(BytesStart<'a>);

impl<'a> Xml<'a> {
    /// Begins a document and reads its root element.
    ///
    /// # Errors
    /// The body is empty, a web page, not UTF-8, or a document of another kind.
    pub(crate) fn begin(
        file: &Fetched<'a>,
        root: &'static str,
    ) -> Result<(Self, Element<'a>), FeedError> {
        Self::begin_as(file, root, false)
    }

    /// The same for a document that may have a type.
    ///
    /// # Errors
    /// As [`Xml::begin`]; its type defines something.
    pub(crate) fn begin_with_doctype(
        file: &Fetched<'a>,
        root: &'static str,
    ) -> Result<(Self, Element<'a>), FeedError> {
        Self::begin_as(file, root, true)
    }

    fn begin_as(
        file: &Fetched<'a>,
        root: &'static str,
        may_have_doctype: bool,
    ) -> Result<(Self, Element<'a>), FeedError> {
        let name = || file.name().to_owned();
        let body = file.body.trim_ascii();
        let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
        if body.is_empty() {
            return Err(FeedError::Empty { file: name() });
        }
        let begins = |word: &[u8]| {
            body.get(..word.len())
                .is_some_and(|head| head.eq_ignore_ascii_case(word))
        };
        if begins(b"<!doctype html") || begins(b"<html") {
            return Err(FeedError::WebPage { file: name() });
        }
        let text = std::str::from_utf8(body).map_err(|source| FeedError::NotText {
            file: name(),
            source,
        })?;
        let mut reader = Reader::from_str(text);
        reader.config_mut().expand_empty_elements = true;
        let mut xml = Self {
            reader,
            file: name(),
            depth: 0,
            may_have_doctype,
        };
        loop {
            match xml.next()? {
                Some(Node::Open(element)) if element.name() == root => return Ok((xml, element)),
                Some(Node::Open(element)) => {
                    let found = element.name().chars().take(80).collect();
                    return Err(xml.error(XmlError::OtherRoot {
                        found,
                        expected: root,
                    }));
                }
                Some(Node::Text(text)) if text.trim().is_empty() => {}
                _ => return Err(xml.error(XmlError::Truncated)),
            }
        }
    }

    /// The next node; `None` after the root element.
    ///
    /// # Errors
    /// The document is not well formed or ends too early.
    pub(crate) fn next(&mut self) -> Result<Option<Node<'a>>, FeedError> {
        loop {
            let event = self.reader.read_event();
            let event = event.map_err(|source| {
                let position = self.reader.error_position();
                self.error(XmlError::Syntax { position, source })
            })?;
            return Ok(Some(match event {
                Event::Start(start) => {
                    self.depth += 1;
                    if self.depth > DEPTH {
                        return Err(self.error(XmlError::TooDeep));
                    }
                    Node::Open(Element(start))
                }
                Event::End(_) => {
                    self.depth = self.depth.saturating_sub(1);
                    Node::Close
                }
                Event::Text(text) => Node::Text(text.into_inner()),
                Event::CData(text) => Node::Text(text.into_inner()),
                Event::GeneralRef(reference) => {
                    let char = match reference.resolve_char_ref() {
                        Ok(Some(char)) => char,
                        Ok(None) => match &*reference.into_inner() {
                            "lt" => '<',
                            "gt" => '>',
                            "amp" => '&',
                            "quot" => '"',
                            "apos" => '\'',
                            other => {
                                let name = other.chars().take(80).collect();
                                return Err(self.error(XmlError::UnknownEntity(name)));
                            }
                        },
                        Err(source) => {
                            let position = self.reader.error_position();
                            return Err(self.error(XmlError::Syntax { position, source }));
                        }
                    };
                    Node::Text(Cow::Owned(char.to_string()))
                }
                Event::DocType(kind) if self.may_have_doctype && !kind.contains('[') => continue,
                Event::DocType(_) => return Err(self.error(XmlError::Dtd)),
                Event::Eof if self.depth == 0 => return Ok(None),
                Event::Eof => return Err(self.error(XmlError::Truncated)),
                Event::Empty(_) | Event::Comment(_) | Event::Decl(_) | Event::PI(_) => continue,
            }));
        }
    }

    /// The next element inside the innermost open one; `None` at its end.
    ///
    /// # Errors
    /// As [`Xml::next`].
    pub(crate) fn child(&mut self) -> Result<Option<Element<'a>>, FeedError> {
        loop {
            match self.next()? {
                Some(Node::Open(element)) => return Ok(Some(element)),
                Some(Node::Text(_)) => {}
                Some(Node::Close) | None => return Ok(None),
            }
        }
    }

    /// The text of the innermost open element, up to its end; elements in it are passed over.
    ///
    /// # Errors
    /// As [`Xml::next`].
    pub(crate) fn text(&mut self) -> Result<Cow<'a, str>, FeedError> {
        let mut all = Cow::Borrowed("");
        loop {
            match self.next()? {
                Some(Node::Open(_)) => self.skip()?,
                Some(Node::Text(piece)) if all.is_empty() => all = piece,
                Some(Node::Text(piece)) => all.to_mut().push_str(&piece),
                Some(Node::Close) | None => return Ok(all),
            }
        }
    }

    /// Passes over the rest of the innermost open element.
    ///
    /// # Errors
    /// As [`Xml::next`].
    pub(crate) fn skip(&mut self) -> Result<(), FeedError> {
        let above = self.depth.saturating_sub(1);
        while self.depth > above {
            if self.next()?.is_none() {
                break;
            }
        }
        Ok(())
    }

    /// Reads to the end of the document, which may hold nothing but white space and comments.
    ///
    /// # Errors
    /// As [`Xml::next`]; there is a second root element.
    pub(crate) fn end(&mut self) -> Result<(), FeedError> {
        while let Some(node) = self.next()? {
            match node {
                Node::Text(text) if text.trim().is_empty() => {}
                _ => return Err(self.error(XmlError::Truncated)),
            }
        }
        Ok(())
    }

    fn error(&self, source: XmlError) -> FeedError {
        FeedError::Xml {
            file: self.file.clone(),
            source,
        }
    }
}

impl Element<'_> {
    /// Its name without the prefix.
    pub(crate) fn name(&self) -> &str {
        self.0.local_name().into_inner()
    }

    /// An attribute's value without its references; `None` also if it is not well formed.
    pub(crate) fn attribute(&self, name: &str) -> Option<Cow<'_, str>> {
        self.0
            .attributes()
            .with_checks(false)
            .filter_map(Result::ok)
            .find(|attribute| attribute.key.local_name().into_inner() == name)?
            .normalized_value(XmlVersion::Explicit1_0)
            .ok()
    }
}

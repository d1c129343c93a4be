//! Tests, objects and states of a document, by their identifiers.

use std::collections::HashMap;

use crate::format::xml::{Element, Xml};
use crate::{FeedError, Fetched};

/// Identifiers of a document, each with a small number.
#[derive(Default)]
pub(super) struct Tables {
    ids: HashMap<Box<str>, u32>,
    tests: HashMap<u32, Test>,
    names: HashMap<u32, Box<str>>,
    states: HashMap<u32, State>,
}

/// What kind of thing a test looks at, as far as pellucid distinguishes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum TestKind {
    /// Installed packages.
    Rpm,
    /// Anything else: files, the running kernel.
    Other,
}

/// What a test compares with what.
pub(super) struct Test {
    pub(super) kind: TestKind,
    /// Holds if nothing satisfies it.
    pub(super) none: bool,
    object: Option<u32>,
    states: Vec<u32>,
}

/// What a state asks for, of what matters here.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub(super) struct State {
    /// Operation and version.
    pub(super) evr: Option<(Box<str>, Box<str>)>,
    /// A pattern of architectures.
    pub(super) arch: Option<Box<str>>,
    /// It asks for a version without its release, as that of a product.
    pub(super) release: bool,
    /// It asks for something else: a key, a release, a name.
    pub(super) other: bool,
}

impl Tables {
    /// Reads everything but the definitions.
    pub(super) fn read(file: &Fetched<'_>) -> Result<Self, FeedError> {
        let (mut xml, _) = Xml::begin(file, "oval_definitions")?;
        let mut tables = Self::default();
        while let Some(section) = xml.child()? {
            match section.name() {
                "tests" => tables.read_tests(&mut xml)?,
                "objects" => tables.read_objects(&mut xml)?,
                "states" => tables.read_states(&mut xml)?,
                _ => xml.skip()?,
            }
        }
        xml.end()?;
        Ok(tables)
    }

    /// The number of an identifier that a test has.
    pub(super) fn number(&self, id: &str) -> Option<u32> {
        self.ids.get(id).copied()
    }

    /// A test, its object's name and its states; absent ones have been cut away.
    pub(super) fn test(&self, number: u32) -> Option<(&Test, Option<&str>, Vec<&State>)> {
        let test = self.tests.get(&number)?;
        let name = test.object.and_then(|object| self.names.get(&object));
        let states: Option<Vec<_>> = test
            .states
            .iter()
            .map(|state| self.states.get(state))
            .collect();
        Some((test, name.map(|name| &**name), states?))
    }

    fn intern(&mut self, id: &str) -> u32 {
        if let Some(number) = self.ids.get(id) {
            return *number;
        }
        let number = self.ids.len() as u32;
        self.ids.insert(id.into(), number);
        number
    }

    fn own(&mut self, element: &Element<'_>) -> Option<u32> {
        let id = element.attribute("id")?;
        Some(self.intern(&id))
    }

    fn read_tests(&mut self, xml: &mut Xml<'_>) -> Result<(), FeedError> {
        while let Some(element) = xml.child()? {
            let number = self.own(&element);
            let mut test = Test {
                kind: if element.name() == "rpminfo_test" {
                    TestKind::Rpm
                } else {
                    TestKind::Other
                },
                none: element.attribute("check").as_deref() == Some("none satisfy"),
                object: None,
                states: Vec::new(),
            };
            while let Some(part) = xml.child()? {
                match part.name() {
                    "object" => {
                        test.object = part.attribute("object_ref").map(|id| self.intern(&id));
                    }
                    "state" => {
                        let state = part.attribute("state_ref").map(|id| self.intern(&id));
                        test.states.extend(state);
                    }
                    _ => {}
                }
                xml.skip()?;
            }
            if let Some(number) = number {
                self.tests.insert(number, test);
            }
        }
        Ok(())
    }

    fn read_objects(&mut self, xml: &mut Xml<'_>) -> Result<(), FeedError> {
        while let Some(element) = xml.child()? {
            let number = self.own(&element);
            while let Some(part) = xml.child()? {
                if part.name() != "name" {
                    xml.skip()?;
                    continue;
                }
                // A pattern or a variable is no name.
                let plain = part
                    .attribute("operation")
                    .is_none_or(|word| word == "equals");
                let name = xml.text()?;
                let name = name.trim();
                if let Some(number) = number
                    && plain
                    && !name.is_empty()
                {
                    self.names.insert(number, name.into());
                }
            }
        }
        Ok(())
    }

    fn read_states(&mut self, xml: &mut Xml<'_>) -> Result<(), FeedError> {
        while let Some(element) = xml.child()? {
            let number = self.own(&element);
            let mut state = State::default();
            while let Some(part) = xml.child()? {
                let operation = part.attribute("operation").unwrap_or("equals".into());
                match part.name() {
                    "evr" => {
                        let operation = operation.as_ref().into();
                        state.evr = Some((operation, xml.text()?.trim().into()));
                    }
                    "arch" => state.arch = Some(xml.text()?.trim().into()),
                    name => {
                        state.release |= name == "version";
                        state.other = true;
                        xml.skip()?;
                    }
                }
            }
            if let Some(number) = number {
                self.states.insert(number, state);
            }
        }
        Ok(())
    }
}

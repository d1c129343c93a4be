//! The image's file tree as far as it matters: files that detectors read, links, and the folders
//! on the way to them. What else the image holds leaves no node.
//!
//! Paths are walked as Linux walks them: links in the middle are followed inside the tree, at most
//! 40 of them, `..` above the root stays at the root. Every part walked costs one step of a budget,
//! as links can make the walk of a short path long.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use crate::RawPath;
use crate::path::{parts, split};

/// Links that one path may lead through, as in Linux.
const HOPS: usize = 40;

/// A file's content: the layer, and the number of the entry in it.
pub(crate) type Content = (u32, u32);

/// Index of a node.
pub(crate) type Id = u32;

/// The root folder.
pub(crate) const ROOT: Id = 0;

/// The tree.
pub(crate) struct Tree {
    nodes: Vec<Node>,
    free: Vec<Id>,
    full: bool,
    /// Steps walked so far.
    steps: u64,
    /// Places of files that came or went since this was last emptied.
    touched: BTreeSet<RawPath>,
    touched_bytes: usize,
    /// Raised whenever a path could lead elsewhere than before.
    generation: u64,
    last: Option<Found>,
}

/// The folder that was looked for last.
struct Found {
    path: Vec<u8>,
    /// The tree's generation then.
    generation: u64,
    place: Result<Rc<Place>, Lost>,
}

struct Node {
    parent: Id,
    name: Box<[u8]>,
    kind: NodeKind,
}

/// What stands at a path.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum NodeKind {
    Folder(Children),
    File(Content),
    Link(Box<[u8]>),
}

/// What a folder holds. Most folders hold little, for which a map would be dear.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Children {
    Few(Vec<Id>),
    Many(BTreeMap<Box<[u8]>, Id>),
}

impl Default for Children {
    fn default() -> Self {
        Self::Few(Vec::new())
    }
}

impl Children {
    /// From so many on they stand in a map.
    const MANY: usize = 8;

    fn ids(&self) -> Vec<Id> {
        match self {
            Self::Few(ids) => ids.clone(),
            Self::Many(map) => map.values().copied().collect(),
        }
    }
}

/// Where a path leads: the deepest folder with a node, and what comes below it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Place {
    pub(crate) folder: Id,
    /// Parts that have no node yet; the first may be a file's name, where that is in the way.
    pub(crate) rest: Vec<Box<[u8]>>,
    /// Whether a link was followed.
    pub(crate) through_link: bool,
}

/// Why a path leads nowhere.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Lost {
    /// More than 40 links.
    Loop,
}

impl Tree {
    /// Most nodes.
    pub(crate) const NODES: usize = 1_500_000;

    /// Most bytes of paths that one layer may touch.
    pub(crate) const TOUCHED_BYTES: usize = 128 << 20;

    pub(crate) fn new() -> Self {
        let root = Node {
            parent: ROOT,
            name: Box::default(),
            kind: NodeKind::Folder(Children::default()),
        };
        Self {
            nodes: vec![root],
            free: Vec::new(),
            full: false,
            steps: 0,
            touched: BTreeSet::new(),
            touched_bytes: 0,
            generation: 0,
            last: None,
        }
    }

    /// Whether a node was left out because there were too many.
    pub(crate) fn is_full(&self) -> bool {
        self.full
    }

    /// Steps walked so far.
    pub(crate) fn steps(&self) -> u64 {
        self.steps
    }

    pub(crate) fn kind(&self, id: Id) -> Option<&NodeKind> {
        self.nodes.get(id as usize).map(|node| &node.kind)
    }

    /// The path of a node.
    pub(crate) fn path(&self, mut id: Id) -> Vec<u8> {
        let mut names: Vec<&[u8]> = Vec::new();
        while id != ROOT {
            let Some(node) = self.nodes.get(id as usize) else {
                break;
            };
            names.push(&node.name);
            id = node.parent;
        }
        names.reverse();
        names.join(&b'/')
    }

    /// The path that a place names, whether something stands there or not.
    pub(crate) fn place_path(&self, place: &Place) -> Vec<u8> {
        let mut path = self.path(place.folder);
        for part in &place.rest {
            if !path.is_empty() {
                path.push(b'/');
            }
            path.extend_from_slice(part);
        }
        path
    }

    fn name(&self, id: Id) -> &[u8] {
        self.nodes.get(id as usize).map_or(&[], |node| &node.name)
    }

    /// Enters a node into its folder.
    fn enter(&mut self, folder: Id, name: &[u8], id: Id) {
        let Some(NodeKind::Folder(children)) = self.kind(folder) else {
            return;
        };
        let map = match children {
            Children::Few(ids) if ids.len() + 1 >= Children::MANY => {
                Some(ids.iter().map(|id| (self.name(*id).into(), *id)).collect())
            }
            _ => None,
        };
        let Some(Node {
            kind: NodeKind::Folder(children),
            ..
        }) = self.nodes.get_mut(folder as usize)
        else {
            return;
        };
        if let Some(map) = map {
            *children = Children::Many(map);
        }
        match children {
            Children::Few(ids) => {
                ids.reserve_exact(1);
                ids.push(id);
            }
            Children::Many(map) => {
                map.insert(name.into(), id);
            }
        }
    }

    fn child(&self, folder: Id, name: &[u8]) -> Option<Id> {
        match self.kind(folder)? {
            NodeKind::Folder(Children::Few(ids)) => {
                ids.iter().copied().find(|id| self.name(*id) == name)
            }
            NodeKind::Folder(Children::Many(map)) => map.get(name).copied(),
            _ => None,
        }
    }

    /// What a place has by this name, if the place has a node.
    pub(crate) fn child_of(&self, place: &Place, name: &[u8]) -> Option<(Id, &NodeKind)> {
        if !place.rest.is_empty() {
            return None;
        }
        let id = self.child(place.folder, name)?;
        Some((id, self.kind(id)?))
    }

    /// Where a path leads, following all links but, unless `follow`, a last one.
    pub(crate) fn locate(&mut self, path: &[u8], follow: bool) -> Result<Place, Lost> {
        let mut place = Place {
            folder: ROOT,
            rest: Vec::new(),
            through_link: false,
        };
        // Paths that are still to be walked, the innermost link's target last.
        let mut todo: Vec<(Box<[u8]>, usize)> = vec![(path.into(), 0)];
        let mut hops = 0;
        while let Some((text, at)) = todo.last() {
            let (text, at) = (&**text, *at);
            let rest = text.get(at..).unwrap_or_default();
            let skip = rest.iter().take_while(|byte| **byte == b'/').count();
            let rest = rest.get(skip..).unwrap_or_default();
            let length = rest
                .iter()
                .position(|byte| *byte == b'/')
                .unwrap_or(rest.len());
            let part = rest.get(..length).unwrap_or_default();
            let next = at + skip + length;
            self.steps += 1;
            let mut link = None;
            match part {
                b"" => {
                    todo.pop();
                    continue;
                }
                b"." => {}
                b".." => {
                    if place.rest.pop().is_none() {
                        let folder = self.nodes.get(place.folder as usize);
                        place.folder = folder.map_or(ROOT, |node| node.parent);
                    }
                }
                _ => match self.child_of(&place, part) {
                    Some((id, NodeKind::Folder(_))) => place.folder = id,
                    Some((_, NodeKind::Link(target))) if follow || !is_last(&todo, next) => {
                        link = Some(target.clone());
                    }
                    _ => place.rest.push(part.into()),
                },
            }
            if let Some((_, at)) = todo.last_mut() {
                *at = next;
            }
            if let Some(target) = link {
                hops += 1;
                if hops > HOPS {
                    return Err(Lost::Loop);
                }
                place.through_link = true;
                if target.starts_with(b"/") {
                    place.folder = ROOT;
                }
                todo.push((target, 0));
            }
        }
        Ok(place)
    }

    /// Where the folder of a path leads. Remembers the last answer, as neighbours come together.
    pub(crate) fn locate_folder(&mut self, path: &[u8]) -> Result<Rc<Place>, Lost> {
        let folder = split(path).0;
        if let Some(last) = &self.last
            && last.generation == self.generation
            && last.path == folder
        {
            return last.place.clone();
        }
        let place = self.locate(folder, true).map(Rc::new);
        self.last = Some(Found {
            path: folder.to_vec(),
            generation: self.generation,
            place: place.clone(),
        });
        place
    }

    /// The node at a place, if the place has one.
    pub(crate) fn at(&self, place: &Place) -> Option<Id> {
        match place.rest.as_slice() {
            [] => Some(place.folder),
            [name] => self.child(place.folder, name),
            _ => None,
        }
    }

    /// The file that a path leads to through all links.
    pub(crate) fn file_at(&mut self, path: &[u8]) -> Option<(RawPath, Content)> {
        let place = self.locate(path, true).ok()?;
        let id = self.at(&place)?;
        match self.kind(id)? {
            NodeKind::File(content) => {
                let content = *content;
                Some((RawPath::new(&self.path(id)), content))
            }
            _ => None,
        }
    }

    /// The node at exactly this path, no link followed.
    pub(crate) fn exactly(&self, path: &[u8]) -> Option<Id> {
        parts(path).try_fold(ROOT, |folder, part| self.child(folder, part))
    }

    /// Puts a file or link below a folder's place, replacing what is there.
    pub(crate) fn put(&mut self, folder: &Place, name: &[u8], kind: NodeKind) {
        let mut id = folder.folder;
        for part in &folder.rest {
            // A file in the way gives way: the entry says that its path is a folder.
            if let Some(file) = self.child(id, part) {
                self.remove(file);
            }
            id = self.insert(id, part, NodeKind::Folder(Children::default()));
            self.generation += 1;
        }
        if let Some(old) = self.child(id, name) {
            self.remove(old);
        }
        if matches!(kind, NodeKind::Link(_)) {
            self.generation += 1;
        }
        let file = matches!(kind, NodeKind::File(_));
        let id = self.insert(id, name, kind);
        if file {
            self.touch(id);
        }
    }

    /// Removes whatever a folder's place has by this name, and files that are in the way of it.
    pub(crate) fn clear(&mut self, folder: &Place, name: &[u8]) {
        let blocking = match folder.rest.first() {
            Some(first) => self.child(folder.folder, first),
            None => self.child(folder.folder, name),
        };
        if let Some(id) = blocking {
            self.remove(id);
        }
    }

    /// Empties a folder.
    pub(crate) fn empty(&mut self, folder: Id) {
        if let Some(NodeKind::Folder(children)) = self.kind(folder) {
            for child in children.ids() {
                self.remove(child);
            }
        }
    }

    /// The file and link nodes of the tree, in no particular order.
    pub(crate) fn leaves(&self) -> impl Iterator<Item = (Id, &NodeKind)> {
        // A removed node's kind is an empty folder.
        self.nodes
            .iter()
            .enumerate()
            .map(|(id, node)| (u32::try_from(id).unwrap_or(ROOT), &node.kind))
            .filter(|(_, kind)| !matches!(kind, NodeKind::Folder(_)))
    }

    fn insert(&mut self, parent: Id, name: &[u8], kind: NodeKind) -> Id {
        if self.free.is_empty() && self.nodes.len() >= Self::NODES {
            self.full = true;
            return parent;
        }
        let node = Node {
            parent,
            name: name.into(),
            kind,
        };
        let id = match self.free.pop() {
            Some(id) => {
                if let Some(slot) = self.nodes.get_mut(id as usize) {
                    *slot = node;
                }
                id
            }
            None => {
                self.nodes.push(node);
                u32::try_from(self.nodes.len() - 1).unwrap_or(ROOT)
            }
        };
        self.enter(parent, name, id);
        id
    }

    /// Removes a node and all below it.
    fn remove(&mut self, id: Id) {
        let Some(node) = self.nodes.get(id as usize) else {
            return;
        };
        let (parent, name) = (node.parent, node.name.clone());
        let mut todo = vec![id];
        if let Some(Node {
            kind: NodeKind::Folder(children),
            ..
        }) = self.nodes.get_mut(parent as usize)
        {
            match children {
                Children::Few(ids) => ids.retain(|child| *child != id),
                Children::Many(map) => {
                    map.remove(&name);
                }
            }
        }
        // A removed node keeps its name and parent until all below it are gone.
        let mut removed = Vec::new();
        while let Some(id) = todo.pop() {
            removed.push(id);
            let Some(node) = self.nodes.get_mut(id as usize) else {
                continue;
            };
            match std::mem::replace(&mut node.kind, NodeKind::Folder(Children::default())) {
                NodeKind::File(_) => self.touch(id),
                NodeKind::Link(_) => self.generation += 1,
                NodeKind::Folder(children) => {
                    self.generation += 1;
                    todo.extend(children.ids());
                }
            }
        }
        self.free.append(&mut removed);
    }

    fn touch(&mut self, id: Id) {
        if self.touched_bytes <= Self::TOUCHED_BYTES {
            let path = RawPath::new(&self.path(id));
            self.touched_bytes += path.bytes().len() + 64;
            self.touched.insert(path);
        }
    }

    /// Files that came or went since this was last asked; `None` if their paths are too many to
    /// be held.
    pub(crate) fn take_touched(&mut self) -> Option<BTreeSet<RawPath>> {
        let held = std::mem::take(&mut self.touched_bytes) <= Self::TOUCHED_BYTES;
        let touched = std::mem::take(&mut self.touched);
        held.then_some(touched)
    }
}

/// Whether nothing is left to be walked, with the innermost path read up to `next`.
fn is_last(todo: &[(Box<[u8]>, usize)], next: usize) -> bool {
    let left = |text: &[u8], at: usize| {
        text.get(at..)
            .unwrap_or_default()
            .iter()
            .any(|byte| *byte != b'/')
    };
    match todo.split_last() {
        Some(((text, _), outer)) => {
            !left(text, next) && !outer.iter().any(|(text, at)| left(text, *at))
        }
        None => true,
    }
}

//! A naive overlay that keeps every entry, and the property that ours finds the same packages.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use proptest::prelude::*;
use proptest::sample::select;

use crate::layers::{Op, file, inventory};

#[derive(Clone)]
enum Node {
    Folder(BTreeMap<String, Self>),
    File(Vec<u8>),
    Link(String),
    Device,
}

struct Model(Node);

impl Model {
    fn get(&self, path: &[String]) -> Option<&Node> {
        path.iter().try_fold(&self.0, |node, part| match node {
            Node::Folder(children) => children.get(part),
            _ => None,
        })
    }

    fn resolve(&self, path: &str, follow_last: bool) -> Option<Vec<String>> {
        let split = |path: &str| path.split('/').map(str::to_owned).collect::<Vec<_>>();
        let mut todo: VecDeque<String> = split(path).into();
        let mut real: Vec<String> = Vec::new();
        let mut hops = 0;
        while let Some(part) = todo.pop_front() {
            if part.is_empty() || part == "." {
                continue;
            }
            if part == ".." {
                real.pop();
                continue;
            }
            real.push(part);
            let Some(Node::Link(target)) = self.get(&real) else {
                continue;
            };
            if !follow_last && todo.iter().all(String::is_empty) {
                continue;
            }
            hops += 1;
            if hops > 40 {
                return None;
            }
            real.pop();
            if target.starts_with('/') {
                real.clear();
            }
            for part in split(target).into_iter().rev() {
                todo.push_front(part);
            }
        }
        Some(real)
    }

    fn folder(&mut self, path: &[String]) -> &mut BTreeMap<String, Node> {
        let mut node = &mut self.0;
        for part in path {
            if !matches!(node, Node::Folder(_)) {
                *node = Node::Folder(BTreeMap::new());
            }
            let Node::Folder(children) = node else {
                unreachable!()
            };
            node = children
                .entry(part.clone())
                .or_insert_with(|| Node::Folder(BTreeMap::new()));
        }
        if !matches!(node, Node::Folder(_)) {
            *node = Node::Folder(BTreeMap::new());
        }
        let Node::Folder(children) = node else {
            unreachable!()
        };
        children
    }

    fn parent(&self, path: &str) -> Option<(Vec<String>, String)> {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        Some((self.resolve(folder, true)?, name.to_owned()))
    }

    fn apply(&mut self, ops: &[Op]) {
        for op in ops {
            match op {
                Op::White(path) => {
                    let Some((folder, name)) = self.parent(path) else {
                        continue;
                    };
                    if matches!(self.get(&folder), Some(Node::Folder(_))) {
                        self.folder(&folder).remove(&name);
                    }
                }
                Op::Opaque(path) => {
                    let Some(folder) = self.resolve(path, true) else {
                        continue;
                    };
                    if matches!(self.get(&folder), Some(Node::Folder(_))) {
                        self.folder(&folder).clear();
                    }
                }
                _ => {}
            }
        }
        for op in ops {
            let (path, node) = match op {
                Op::White(_) | Op::Opaque(_) => continue,
                Op::File(path, body) => (path, Some(Node::File(body.clone()))),
                Op::Device(path) => (path, Some(Node::Device)),
                Op::Link(path, target) => (path, Some(Node::Link((*target).to_owned()))),
                Op::Folder(path) => (path, Some(Node::Folder(BTreeMap::new()))),
                Op::Hard(path, target) => {
                    let target = self.resolve(target, false);
                    let node = target.and_then(|target| self.get(&target).cloned());
                    (path, node.filter(|node| !matches!(node, Node::Folder(_))))
                }
            };
            let Some((folder, name)) = self.parent(path) else {
                continue;
            };
            let folder = self.folder(&folder);
            match (node, folder.get(&name)) {
                (Some(Node::Folder(_)), Some(Node::Folder(_))) => {}
                (Some(node), _) => {
                    folder.insert(name, node);
                }
                (None, _) => {
                    folder.remove(&name);
                }
            }
        }
    }

    /// Names of the packages that dpkg and apk would list.
    fn packages(&self) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        let mut add = |path: &str, letter: char| {
            let real = self.resolve(path, true);
            if let Some(Node::File(body)) = real.and_then(|real| self.get(&real)) {
                let body = String::from_utf8_lossy(body);
                let number = body.lines().last().unwrap();
                names.insert(format!("{letter}{}", number.trim_start_matches('#')));
            }
        };
        add("var/lib/dpkg/status", 'd');
        add("lib/apk/db/installed", 'a');
        add("usr/lib/apk/db/installed", 'a');
        if let Some(folder) = self.resolve("var/lib/dpkg/status.d", true)
            && let Some(Node::Folder(children)) = self.get(&folder)
        {
            for name in children.keys() {
                add(&format!("var/lib/dpkg/status.d/{name}"), 'd');
            }
        }
        names
    }
}

/// A file that both dpkg and apk can read; its last line is its number.
fn both(number: usize) -> Vec<u8> {
    format!("Package: d{number}\nVersion: 1\nP:a{number}\nV:1\n\n#{number}\n").into_bytes()
}

const PATHS: &[&str] = &[
    "var",
    "var/lib",
    "var/lib/dpkg",
    "var/lib/dpkg/status",
    "var/lib/dpkg/status.d",
    "var/lib/dpkg/status.d/x",
    "var/lib/dpkg/status.d/y",
    "var/lib/dpkg/status.d/y/z",
    "var/lib/dpkg/status-old",
    "lib",
    "lib/apk/db",
    "lib/apk/db/installed",
    "usr/lib",
    "usr/lib/apk",
    "usr/lib/apk/db/installed",
    "usr/lib/dpkg/status",
    "opt",
    "opt/status",
    "opt/apk/db/installed",
    "opt/dpkg/status",
];

const TARGETS: &[&str] = &[
    "usr/lib",
    "/usr/lib",
    "lib",
    "/var/lib",
    "../lib",
    "../opt",
    "/opt",
    "opt",
    "/opt/status",
    "../../../opt/status",
    "status-old",
    "/var/lib/dpkg/status",
    "../status",
    "../db/installed",
    "/usr/lib/apk/db/installed",
    "..",
    ".",
    "/",
    "status",
    "../../usr/lib/../lib/dpkg",
];

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        6 => select(PATHS).prop_map(|path| file(path, "")),
        2 => select(PATHS).prop_map(Op::Folder),
        2 => select(PATHS).prop_map(Op::White),
        1 => select(PATHS).prop_map(Op::Opaque),
        1 => select(PATHS).prop_map(Op::Device),
        4 => (select(PATHS), select(TARGETS)).prop_map(|(path, target)| Op::Link(path, target)),
        2 => (select(PATHS), select(PATHS)).prop_map(|(path, target)| Op::Hard(path, target)),
    ]
}

fn layers() -> impl Strategy<Value = Vec<Vec<Op>>> {
    proptest::collection::vec(proptest::collection::vec(op(), 1..8), 1..6).prop_map(|mut layers| {
        for (number, op) in layers.iter_mut().flatten().enumerate() {
            if let Op::File(_, body) = op {
                *body = both(number);
            }
        }
        layers
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_overlay_finds_what_a_whole_tree_holds(layers in layers()) {
        let mut model = Model(Node::Folder(BTreeMap::new()));
        let mut after = Vec::new();
        for ops in &layers {
            model.apply(ops);
            after.push(model.packages());
        }
        let found = inventory(&layers).unwrap();
        let names: BTreeSet<_> =
            found.packages.iter().map(|entry| entry.package.name.clone()).collect();
        prop_assert_eq!(&names, after.last().unwrap());
        let links = layers.iter().flatten().any(|op| matches!(op, Op::Link(..)));
        if !links {
            for entry in &found.packages {
                let run = after.iter().rev().take_while(|names| names.contains(&entry.package.name));
                prop_assert_eq!(entry.layer(), Some(after.len() - run.count()));
            }
        }
    }
}

//! Group, artifact and version of an archive that Maven left no record in.
//!
//! The name of the file is the best witness of artifact and version, as build tools write
//! `ARTIFACT-VERSION.jar`; a manifest has titles for people and versions bent to OSGi's rules. The
//! group, without which no advisory is found, comes from a table of well-known artifacts, then
//! from the manifest. Where nothing names a group the artifact stands alone: a made-up name would
//! be another package's.

use super::manifest::Manifest;
use super::pom::Project;

/// What Maven calls a package.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Coordinates {
    pub(super) group: Option<String>,
    pub(super) artifact: String,
    pub(super) version: String,
}

impl Coordinates {
    /// Whether both may be the same thing under two names: of one version, or of one owner.
    pub(super) fn is_akin(&self, other: &Self) -> bool {
        let owner = |one: &Self| one.group.clone().unwrap_or_default();
        let (a, b) = (owner(self), owner(other));
        self.version == other.version || a.starts_with(&b) || b.starts_with(&a)
    }
}

/// What the name of an archive says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct FileName {
    /// The name without version and extension.
    pub(super) artifact: String,
    pub(super) version: Option<String>,
    stem: String,
}

/// Parts that tell archives of one artifact apart.
const CLASSIFIERS: &[&str] = &[
    "-sources",
    "-javadoc",
    "-tests",
    "-test",
    "-all",
    "-shaded",
    "-jar-with-dependencies",
    "-exec",
    "-linux-x86_64",
    "-linux-aarch_64",
    "-osx-x86_64",
    "-osx-aarch_64",
    "-windows-x86_64",
];

impl FileName {
    pub(super) fn of(name: &str) -> Self {
        let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
        let whole = Self {
            artifact: stem.to_owned(),
            version: None,
            stem: stem.to_owned(),
        };
        let digit = |rest: &str| rest.starts_with(|first: char| first.is_ascii_digit());
        let mut starts = stem
            .match_indices('-')
            .map(|(at, _)| at)
            .filter(|at| stem.get(at + 1..).is_some_and(digit));
        let Some(first) = starts.next() else {
            return whole;
        };
        let (artifact, rest) = stem.split_at(first);
        let mut version = rest.get(1..).unwrap_or_default();
        // Debian's `log4j-1.2-1.2.17`: a series before the version itself.
        for next in starts {
            let series = stem.get(first + 1..next).unwrap_or_default();
            let later = stem.get(next + 1..).unwrap_or_default();
            if later
                .strip_prefix(series)
                .is_some_and(|rest| rest.starts_with('.'))
            {
                version = later;
                break;
            }
        }
        for classifier in CLASSIFIERS {
            version = version.strip_suffix(classifier).unwrap_or(version);
        }
        if artifact.is_empty() || !plausible(version) {
            return whole;
        }
        Self {
            artifact: artifact.to_owned(),
            version: Some(version.to_owned()),
            stem: stem.to_owned(),
        }
    }

    /// Whether the archive bears the name of this artifact.
    pub(super) fn is_named_after(&self, artifact: &str) -> bool {
        self.artifact == artifact
            || self
                .stem
                .strip_prefix(artifact)
                .is_some_and(|rest| rest.starts_with('-'))
    }
}

/// What an archive probably is, and whether that is more than its file's name.
pub(super) fn guess(
    file: &FileName,
    manifest: &Manifest,
    projects: &[Project],
) -> Option<(Coordinates, bool)> {
    let named =
        |version: &Option<String>| version.as_deref().and_then(first_word).map(str::to_owned);
    let project = match projects {
        [only] => Some(only),
        several => several
            .iter()
            .find(|one| file.is_named_after(&one.artifact)),
    };
    if let Some(project) = project {
        let version = project
            .version
            .clone()
            .or_else(|| file.version.clone())
            .or_else(|| named(&manifest.version))
            .or_else(|| named(&manifest.bundle_version))?;
        let found = Coordinates {
            group: Some(project.group.clone()),
            artifact: project.artifact.clone(),
            version,
        };
        return Some((found, true));
    }
    let version = named(&manifest.plugin_version)
        .or_else(|| file.version.clone())
        .or_else(|| named(&manifest.version))
        .or_else(|| named(&manifest.bundle_version))
        .or_else(|| named(&manifest.specification_version))?;
    let (group, artifact) = match joined(file, manifest) {
        Some((group, artifact)) => (Some(group), artifact),
        None => {
            let artifact = artifact(file, manifest)?;
            (group(&artifact, manifest), artifact)
        }
    };
    let sure = group.is_some();
    let found = Coordinates {
        group,
        artifact,
        version,
    };
    Some((found, sure))
}

/// Group and artifact of `GROUP.ARTIFACT-VERSION.jar`, as Quarkus calls the libraries of an application:
/// where the table or the manifest knows the group.
fn joined(file: &FileName, manifest: &Manifest) -> Option<(String, String)> {
    file.version.as_ref()?;
    let stated = [&manifest.group_id, &manifest.vendor_id];
    let mut dots = file.artifact.match_indices('.');
    dots.find_map(|(at, _)| {
        let (group, artifact) = (file.artifact.get(..at)?, file.artifact.get(at + 1..)?);
        let is_group = known_group(artifact) == Some(group)
            || stated.into_iter().flatten().any(|stated| stated == group);
        (is_group && plain(group) && plain(artifact))
            .then(|| (group.to_owned(), artifact.to_owned()))
    })
}

fn artifact(file: &FileName, manifest: &Manifest) -> Option<String> {
    let word = |text: &Option<String>| text.clone().filter(|text| plain(text));
    if let Some(plugin) = word(&manifest.short_name) {
        return Some(plugin);
    }
    if file.version.is_some() && plain(&file.artifact) {
        return Some(file.artifact.clone());
    }
    if let Some(symbolic) = &manifest.symbolic_name {
        // Tomcat's own archives lack the beginning of their artifact's name.
        if let Some(artifact) = symbolic.strip_prefix(TOMCAT)
            && artifact.starts_with("tomcat-")
            && plain(artifact)
        {
            return Some(artifact.to_owned());
        }
        if group_of(symbolic, &file.artifact).is_some() {
            return Some(file.artifact.clone());
        }
        // OSGi's `org.eclipse.core.runtime_3.1.0.v2020.jar`.
        let rest = file.stem.strip_prefix(symbolic.as_str());
        if plain(symbolic) && rest.is_some_and(|rest| rest.starts_with('_')) {
            return Some(symbolic.clone());
        }
    }
    word(&manifest.title)
        .filter(|title| title.contains('-') || !title.contains('.'))
        .or_else(|| Some(file.artifact.clone()).filter(|artifact| plain(artifact)))
}

/// What the symbolic names of Tomcat's own archives begin with: `org.apache.tomcat-catalina`.
const TOMCAT: &str = "org.apache.";

fn group(artifact: &str, manifest: &Manifest) -> Option<String> {
    // Jenkins' plugins say it outright; some are called like a library (`junit`).
    if let Some(group) = manifest.group_id.as_ref().filter(|group| plain(group)) {
        return Some(group.clone());
    }
    if let Some(group) = known_group(artifact) {
        // A member of the family that goes its own way, as `org.springframework.amqp` in
        // `org.springframework`, says so.
        let own = manifest.vendor_id.as_deref().filter(|vendor| {
            let below = vendor.strip_prefix(group);
            below.is_some_and(|below| below.starts_with('.')) && plain(vendor)
        });
        return Some(own.unwrap_or(group).to_owned());
    }
    let dotted = |text: &&String| text.contains('.') && plain(text);
    group_of(
        manifest.symbolic_name.as_deref().unwrap_or_default(),
        artifact,
    )
    .or_else(|| manifest.vendor_id.as_ref().filter(dotted).cloned())
}

/// The group in a symbolic name that ends with the artifact: `org.apache.commons.lang3` and
/// `commons-lang3` have `org.apache.commons`, `com.example.shop` and `shop` have `com.example`.
fn group_of(symbolic: &str, artifact: &str) -> Option<String> {
    let dotted = artifact.replace('-', ".");
    let before = |end: &str| {
        let group = symbolic.strip_suffix(end)?.strip_suffix('.')?;
        (group.contains('.') && plain(group)).then(|| group.to_owned())
    };
    if let Some(group) = before(artifact) {
        return Some(group);
    }
    let group = before(&dotted)?;
    // A group mostly ends with the word that its artifacts begin with.
    match artifact.split_once('-') {
        Some((first, _)) if !group.ends_with(first) => Some(format!("{group}.{first}")),
        _ => Some(group),
    }
}

/// A version without the remarks that follow it in manifests.
fn first_word(text: &str) -> Option<&str> {
    text.split([' ', '\t', ',', ';', '('])
        .next()
        .filter(|word| plausible(word))
}

/// Whether a text can be a version: begins with a number, maybe after one letter, has no odd
/// characters, and is no series (`3.x`).
pub(super) fn plausible(version: &str) -> bool {
    let number = version
        .strip_prefix(['v', 'r', 'V', 'R'])
        .unwrap_or(version);
    let digit = |first: char| first.is_ascii_digit();
    number.starts_with(digit) && plain(version) && !version.ends_with(".x")
}

/// Whether a text is made like a name of Maven's.
pub(super) fn plain(text: &str) -> bool {
    (1..=256).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"._-+~:".contains(&byte))
        && !text.contains(':')
}

/// The group of a well-known artifact.
fn known_group(artifact: &str) -> Option<&'static str> {
    let exact = ARTIFACTS.iter().find(|(name, _)| *name == artifact);
    let family = || {
        FAMILIES
            .iter()
            .find(|(prefix, _)| artifact.starts_with(prefix))
    };
    exact.or_else(family).map(|(_, group)| *group)
}

/// Artifacts by their whole name.
const ARTIFACTS: &[(&str, &str)] = &[
    ("activation", "javax.activation"),
    ("ant", "org.apache.ant"),
    ("antisamy", "org.owasp.antisamy"),
    ("aopalliance", "aopalliance"),
    ("asm", "org.ow2.asm"),
    ("bc-fips", "org.bouncycastle"),
    ("cassandra-all", "org.apache.cassandra"),
    ("cglib", "cglib"),
    ("commons-beanutils", "commons-beanutils"),
    ("commons-cli", "commons-cli"),
    ("commons-codec", "commons-codec"),
    ("commons-collections", "commons-collections"),
    ("commons-collections4", "org.apache.commons"),
    ("commons-compress", "org.apache.commons"),
    ("commons-configuration", "commons-configuration"),
    ("commons-configuration2", "org.apache.commons"),
    ("commons-crypto", "org.apache.commons"),
    ("commons-csv", "org.apache.commons"),
    ("commons-dbcp", "commons-dbcp"),
    ("commons-dbcp2", "org.apache.commons"),
    ("commons-digester", "commons-digester"),
    ("commons-discovery", "commons-discovery"),
    ("commons-email", "org.apache.commons"),
    ("commons-exec", "org.apache.commons"),
    ("commons-fileupload", "commons-fileupload"),
    ("commons-fileupload2", "org.apache.commons"),
    ("commons-httpclient", "commons-httpclient"),
    ("commons-imaging", "org.apache.commons"),
    ("commons-io", "commons-io"),
    ("commons-jcs3", "org.apache.commons"),
    ("commons-jexl3", "org.apache.commons"),
    ("commons-jxpath", "commons-jxpath"),
    ("commons-lang", "commons-lang"),
    ("commons-lang3", "org.apache.commons"),
    ("commons-logging", "commons-logging"),
    ("commons-logging-adapters", "commons-logging"),
    ("commons-logging-api", "commons-logging"),
    ("commons-math3", "org.apache.commons"),
    ("commons-net", "commons-net"),
    ("commons-pool", "commons-pool"),
    ("commons-pool2", "org.apache.commons"),
    ("commons-text", "org.apache.commons"),
    ("commons-validator", "commons-validator"),
    ("commons-vfs2", "org.apache.commons"),
    ("connect-runtime", "org.apache.kafka"),
    ("dom4j", "org.dom4j"),
    ("dubbo", "org.apache.dubbo"),
    ("ehcache", "net.sf.ehcache"),
    ("elasticsearch", "org.elasticsearch"),
    ("esapi", "org.owasp.esapi"),
    ("fastjson", "com.alibaba"),
    ("flow-server", "com.vaadin"),
    ("fontbox", "org.apache.pdfbox"),
    ("freemarker", "org.freemarker"),
    ("graphql-java", "com.graphql-java"),
    ("gson", "com.google.code.gson"),
    ("guava", "com.google.guava"),
    ("guice", "com.google.inject"),
    ("h2", "com.h2database"),
    ("hibernate-validator", "org.hibernate.validator"),
    ("httpclient", "org.apache.httpcomponents"),
    ("httpclient5", "org.apache.httpcomponents.client5"),
    ("httpcore", "org.apache.httpcomponents"),
    ("jackson-annotations", "com.fasterxml.jackson.core"),
    ("jackson-core", "com.fasterxml.jackson.core"),
    ("jackson-core-asl", "org.codehaus.jackson"),
    ("jackson-databind", "com.fasterxml.jackson.core"),
    ("jackson-mapper-asl", "org.codehaus.jackson"),
    ("jcommander", "com.beust"),
    ("jdom", "org.jdom"),
    ("jdom2", "org.jdom"),
    ("jenkins-core", "org.jenkins-ci.main"),
    ("json", "org.json"),
    ("json-smart", "net.minidev"),
    ("jsoup", "org.jsoup"),
    ("jsr305", "com.google.code.findbugs"),
    ("junit", "junit"),
    ("kafka-clients", "org.apache.kafka"),
    ("kafka-metadata", "org.apache.kafka"),
    ("kafka-streams", "org.apache.kafka"),
    ("log4j", "log4j"),
    ("mina-core", "org.apache.mina"),
    ("mybatis", "org.mybatis"),
    ("mysql-connector-j", "com.mysql"),
    ("mysql-connector-java", "mysql"),
    ("okhttp", "com.squareup.okhttp3"),
    ("okio", "com.squareup.okio"),
    ("poi", "org.apache.poi"),
    ("postgresql", "org.postgresql"),
    ("protobuf-java", "com.google.protobuf"),
    ("protobuf-javalite", "com.google.protobuf"),
    ("quartz", "org.quartz-scheduler"),
    ("scala-library", "org.scala-lang"),
    ("snakeyaml", "org.yaml"),
    ("spring-kafka", "org.springframework.kafka"),
    (
        "spring-security-oauth",
        "org.springframework.security.oauth",
    ),
    (
        "spring-security-oauth2",
        "org.springframework.security.oauth",
    ),
    ("vaadin-server", "com.vaadin"),
    ("velocity", "org.apache.velocity"),
    ("velocity-engine-core", "org.apache.velocity"),
    ("woodstox-core", "com.fasterxml.woodstox"),
    ("xalan", "xalan"),
    ("xercesImpl", "xerces"),
    ("xmlsec", "org.apache.santuario"),
    ("xpp3", "xpp3"),
    ("xstream", "com.thoughtworks.xstream"),
    ("xwork-core", "org.apache.struts.xwork"),
    ("zookeeper", "org.apache.zookeeper"),
];

/// Artifacts by the beginning of their name; the longer one first.
const FAMILIES: &[(&str, &str)] = &[
    ("activemq-", "org.apache.activemq"),
    ("asm-", "org.ow2.asm"),
    ("batik-", "org.apache.xmlgraphics"),
    ("bcmail-", "org.bouncycastle"),
    ("bcpg-", "org.bouncycastle"),
    ("bcpkix-", "org.bouncycastle"),
    ("bcprov-", "org.bouncycastle"),
    ("bctls-", "org.bouncycastle"),
    ("bcutil-", "org.bouncycastle"),
    ("camel-", "org.apache.camel"),
    ("cxf-", "org.apache.cxf"),
    ("derby", "org.apache.derby"),
    ("geode-", "org.apache.geode"),
    ("grpc-", "io.grpc"),
    ("guice-", "com.google.inject.extensions"),
    ("hadoop-", "org.apache.hadoop"),
    ("hazelcast", "com.hazelcast"),
    ("hive-", "org.apache.hive"),
    ("hutool-", "cn.hutool"),
    ("infinispan-", "org.infinispan"),
    ("jackson-dataformat-", "com.fasterxml.jackson.dataformat"),
    ("jackson-datatype-", "com.fasterxml.jackson.datatype"),
    ("jackson-module-", "com.fasterxml.jackson.module"),
    ("jetty-ee10-", "org.eclipse.jetty.ee10"),
    ("jetty-ee8-", "org.eclipse.jetty.ee8"),
    ("jetty-ee9-", "org.eclipse.jetty.ee9"),
    ("jetty-http2-", "org.eclipse.jetty.http2"),
    ("jetty-http3-", "org.eclipse.jetty.http3"),
    ("jetty-", "org.eclipse.jetty"),
    ("kafka_2.", "org.apache.kafka"),
    ("keycloak-", "org.keycloak"),
    ("kotlin-stdlib", "org.jetbrains.kotlin"),
    ("log4j-", "org.apache.logging.log4j"),
    ("logback-", "ch.qos.logback"),
    ("lucene-", "org.apache.lucene"),
    ("netty-incubator-", "io.netty.incubator"),
    ("netty-", "io.netty"),
    ("pdfbox", "org.apache.pdfbox"),
    ("poi-", "org.apache.poi"),
    ("protobuf-kotlin", "com.google.protobuf"),
    ("pulsar-", "org.apache.pulsar"),
    ("resteasy-reactive", "io.quarkus.resteasy.reactive"),
    ("resteasy-", "org.jboss.resteasy"),
    ("shiro-", "org.apache.shiro"),
    ("slf4j-", "org.slf4j"),
    ("solr-", "org.apache.solr"),
    ("spark-core_", "org.apache.spark"),
    ("spring-ai-", "org.springframework.ai"),
    ("spring-amqp", "org.springframework.amqp"),
    ("spring-batch-", "org.springframework.batch"),
    ("spring-boot-admin", "de.codecentric"),
    ("spring-boot", "org.springframework.boot"),
    ("spring-cloud-", "org.springframework.cloud"),
    ("spring-credhub-", "org.springframework.credhub"),
    ("spring-data-", "org.springframework.data"),
    ("spring-graphql", "org.springframework.graphql"),
    ("spring-hateoas", "org.springframework.hateoas"),
    ("spring-integration-", "org.springframework.integration"),
    ("spring-ldap-", "org.springframework.ldap"),
    ("spring-plugin-", "org.springframework.plugin"),
    ("spring-rabbit", "org.springframework.amqp"),
    ("spring-restdocs-", "org.springframework.restdocs"),
    ("spring-retry", "org.springframework.retry"),
    ("spring-security-", "org.springframework.security"),
    ("spring-session-", "org.springframework.session"),
    ("spring-shell-", "org.springframework.shell"),
    ("spring-social-", "org.springframework.social"),
    ("spring-statemachine-", "org.springframework.statemachine"),
    ("spring-vault-", "org.springframework.vault"),
    ("spring-webflow", "org.springframework.webflow"),
    ("spring-ws-", "org.springframework.ws"),
    ("spring-xml", "org.springframework.ws"),
    ("spring-", "org.springframework"),
    ("storm-", "org.apache.storm"),
    ("struts2-", "org.apache.struts"),
    ("tapestry-", "org.apache.tapestry"),
    ("tika-", "org.apache.tika"),
    ("tomcat-embed-", "org.apache.tomcat.embed"),
    ("tomcat-", "org.apache.tomcat"),
    ("undertow-", "io.undertow"),
    ("vertx-", "io.vertx"),
    ("wicket-", "org.apache.wicket"),
    ("wildfly-elytron", "org.wildfly.security"),
    ("xwiki-platform-", "org.xwiki.platform"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_are_split_where_the_version_begins() {
        let check = |name: &str, artifact: &str, version: Option<&str>| {
            let file = FileName::of(name);
            assert_eq!(
                (file.artifact.as_str(), file.version.as_deref()),
                (artifact, version),
                "{name}"
            );
        };
        check("log4j-core-2.14.1.jar", "log4j-core", Some("2.14.1"));
        check("log4j-1.2-1.2.17.jar", "log4j", Some("1.2.17"));
        check("guava-31.1-jre.jar", "guava", Some("31.1-jre"));
        check(
            "a-1.0-20200101.120000-1.jar",
            "a",
            Some("1.0-20200101.120000-1"),
        );
        check("a-1.0-sources.jar", "a", Some("1.0"));
        check("commons-lang3.jar", "commons-lang3", None);
        check("-1.0.jar", "-1.0", None);
        check("a-1 b.jar", "a-1 b", None);
        check("", "", None);
    }

    #[test]
    fn a_guess_names_a_group_only_where_something_says_it() {
        let check = |name: &str, text: &str, expected: Option<&str>| {
            let found = guess(&FileName::of(name), &Manifest::of(text.as_bytes()), &[]);
            let found = found.map(|(one, _)| {
                format!(
                    "{}:{}:{}",
                    one.group.unwrap_or_default(),
                    one.artifact,
                    one.version
                )
            });
            assert_eq!(found.as_deref(), expected, "{name}");
        };
        check(
            "lang3.jar",
            "Bundle-SymbolicName: org.apache.commons.lang3\nBundle-Version: 3.8",
            Some("org.apache.commons:lang3:3.8"),
        );
        check(
            "x-lib-1.0.jar",
            "Bundle-SymbolicName: org.acme.x.lib",
            Some("org.acme.x:x-lib:1.0"),
        );
        check(
            "shop-2.jar",
            "Implementation-Vendor-Id: com.example",
            Some("com.example:shop:2"),
        );
        check("log4j-1.2-1.2.17.jar", "", Some("log4j:log4j:1.2.17"));
        check(
            "spring-core-5.3.20.jar",
            "Implementation-Title: spring-core",
            Some("org.springframework:spring-core:5.3.20"),
        );
        check(
            "spring-amqp-2.2.18.jar",
            "",
            Some("org.springframework.amqp:spring-amqp:2.2.18"),
        );
        check(
            "spring-novel-1.0.jar",
            "Implementation-Vendor-Id: org.springframework.novel",
            Some("org.springframework.novel:spring-novel:1.0"),
        );
        check(
            "spring-core-5.3.20.jar",
            "Implementation-Vendor-Id: org.example",
            Some("org.springframework:spring-core:5.3.20"),
        );
        // As Quarkus calls them.
        check(
            "org.postgresql.postgresql-42.5.0.jar",
            "Bundle-SymbolicName: org.postgresql.jdbc",
            Some("org.postgresql:postgresql:42.5.0"),
        );
        check(
            "com.example.shop.cart-1.0.jar",
            "Implementation-Vendor-Id: com.example.shop",
            Some("com.example.shop:cart:1.0"),
        );
        check(
            "kafka_2.13-3.4.0.jar",
            "",
            Some("org.apache.kafka:kafka_2.13:3.4.0"),
        );
        check(
            "junit.hpi",
            "Short-Name: junit\nGroup-Id: org.jenkins-ci.plugins\nPlugin-Version: 1.60",
            Some("org.jenkins-ci.plugins:junit:1.60"),
        );
        check(
            "catalina-ha.jar",
            "Bundle-SymbolicName: org.apache.tomcat-catalina-ha\nImplementation-Version: 9.0.40\n\
             Implementation-Title: Apache Tomcat",
            Some("org.apache.tomcat:tomcat-catalina-ha:9.0.40"),
        );
        check(
            "app.jar",
            "Implementation-Title: My Application\nImplementation-Version: 1.0 (b3)",
            Some(":app:1.0"),
        );
        check(
            "org.acme.core_3.1.0.v2.jar",
            "Bundle-SymbolicName: org.acme.core;x=1\nBundle-Version: 3.1.0.v2\nImplementation-Title: Core",
            Some(":org.acme.core:3.1.0.v2"),
        );
        check(
            "git.hpi",
            "Short-Name: git\nGroup-Id: org.jenkins-ci.plugins\nPlugin-Version: 4.1 (private)",
            Some("org.jenkins-ci.plugins:git:4.1"),
        );
        check("app.jar", "", None);
        check("app.jar", "Implementation-Version: unknown", None);
    }

    #[test]
    fn a_family_stands_behind_those_it_contains() {
        for (at, (prefix, _)) in FAMILIES.iter().enumerate() {
            let before = FAMILIES.get(..at).unwrap_or_default();
            let hides = before.iter().find(|(other, _)| prefix.starts_with(other));
            assert_eq!(hides, None, "{prefix}");
        }
    }
}

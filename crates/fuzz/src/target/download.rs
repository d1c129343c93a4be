//! What a feed's server sends and a mirror keeps, to begin with.

use std::io::{Cursor, Write as _};

/// Archives and compressed documents.
pub(crate) fn downloads() -> Vec<Vec<u8>> {
    const BODY: &[u8] = br#"{"id": "CVE-2024-1"}"#;
    let mut seeds = vec![BODY.to_vec()];
    let mut tarred = tar::Builder::new(Vec::new());
    for name in ["a.json", "a/b.json", &"long/".repeat(60)] {
        let mut header = tar::Header::new_gnu();
        header.set_size(BODY.len() as u64);
        // Written to memory.
        let _ = tarred.append_data(&mut header, name, BODY);
    }
    seeds.extend(tarred.into_inner());
    let mut zipped = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for method in [
        zip::CompressionMethod::Stored,
        zip::CompressionMethod::Deflated,
    ] {
        let options = zip::write::SimpleFileOptions::default().compression_method(method);
        let _ = zipped.start_file(format!("{method}.json"), options);
        let _ = zipped.write_all(BODY);
    }
    seeds.extend(zipped.finish().map(Cursor::into_inner));
    let tar = seeds.get(1).cloned().unwrap_or_default();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    let _ = gzip.write_all(&tar);
    seeds.extend(gzip.finish());
    let mut bzip2 = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    let _ = bzip2.write_all(&tar);
    seeds.extend(bzip2.finish());
    let mut xz = liblzma::write::XzEncoder::new(Vec::new(), 1);
    let _ = xz.write_all(BODY);
    seeds.extend(xz.finish());
    seeds.extend(zstd::encode_all(tar.as_slice(), 1));
    seeds
}

/// A URL, and behind it a mirror's list.
pub(crate) fn lists() -> Vec<Vec<u8>> {
    [
        "https://a.example/x\nurl\tfile\tdecode\tas_of\tsha256\nhttps://a.example/x\ta/2024/x.xz\txz\t2024-10-17\t-\nhttps://a.example/x\ta/2025/x.xz\txz\t2025-02-12\t0000000000000000000000000000000000000000000000000000000000000000\n",
        "https://github.com/a/b/archive/refs/heads/main.tar.gz\nfile\turl\nb/tree.tar.xz\thttps://github.com/a/b (work tree)\n",
        "https://c.example/2/core/mirror.list\nurl\tfile\tdecode\nhttps://c.example/2/core/mirror.list\tamazon/2/core/mirror.list\tbase-subst\n",
    ]
    .iter()
    .map(|text| text.as_bytes().to_vec())
    .collect()
}

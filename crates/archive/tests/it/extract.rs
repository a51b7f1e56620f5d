//! Unpacking of hostile archives.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use sluice_archive::{Algorithm, ExtractError, Extracted, Limits, Symlinks, extract};
use tar::{EntryType, Header};
use tempfile::TempDir;

use crate::{Entry, archive};

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = GzEncoder::new(Vec::new(), Compression::fast());
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

/// A raw entry, whose name is not checked by the library that writes it.
fn entry(name: &[u8], kind: EntryType, mode: u32, link: &str, content: &[u8]) -> Vec<u8> {
    let mut header = Header::new_ustar();
    header.as_old_mut().name[..name.len()].copy_from_slice(name);
    header.as_old_mut().linkname[..link.len()].copy_from_slice(link.as_bytes());
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(content.len() as u64);
    header.set_cksum();
    let mut out = header.as_bytes().to_vec();
    out.extend_from_slice(content);
    out.resize(out.len().next_multiple_of(512), 0);
    out
}

fn file(name: &str, content: &[u8]) -> Vec<u8> {
    entry(name.as_bytes(), EntryType::Regular, 0o644, "", content)
}

fn tar_gz(entries: &[Vec<u8>]) -> Vec<u8> {
    let mut tar = entries.concat();
    tar.resize(tar.len() + 1024, 0);
    gzip(&tar)
}

fn unpack(bytes: &[u8], limits: &Limits, symlinks: Symlinks) -> (TempDir, Result<Extracted, ExtractError>) {
    let outer = TempDir::new().unwrap();
    let result = extract(bytes, &outer.path().join("dest"), limits, symlinks);
    // Whatever happened, nothing may lie beside the destination.
    let beside: Vec<_> = fs::read_dir(outer.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(beside, ["dest"]);
    (outer, result)
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn what_was_written_comes_back() {
    let entries = [
        Entry { path: b"a", executable: false, content: None },
        Entry { path: b"a/run.sh", executable: true, content: Some(b"#!/bin/sh\n") },
        Entry { path: "größe.yaml".as_bytes(), executable: false, content: Some(&[b'x'; 3000]) },
    ];
    let (bytes, summary) = archive(&entries, Algorithm::Blake3);
    assert_eq!(summary.size, bytes.len() as u64);
    assert!(summary.digest.to_string().starts_with("blake3:"));
    let (dir, result) = unpack(&bytes, &Limits::default(), Symlinks::Reject);
    assert_eq!(result.unwrap(), Extracted { files: 2, bytes: 3010 });
    let dest = dir.path().join("dest");
    assert_eq!(fs::read(dest.join("a/run.sh")).unwrap(), b"#!/bin/sh\n");
    assert_eq!(mode(&dest.join("a/run.sh")), 0o700);
    assert_eq!(mode(&dest.join("größe.yaml")), 0o600);
    assert_eq!(fs::read(dest.join("größe.yaml")).unwrap().len(), 3000);
}

#[test]
fn names_that_lead_outside_are_refused() {
    for name in ["../evil", "/etc/evil", "a/../../evil", "a/..", "..", "a\\b", "..\\evil", "./../evil", ""] {
        let (_dir, result) = unpack(&tar_gz(&[file(name, b"x")]), &Limits::default(), Symlinks::Skip);
        assert!(matches!(result, Err(ExtractError::Name(_))), "{name:?}: {result:?}");
    }
}

#[test]
fn names_may_hold_dots_that_lead_nowhere() {
    let bytes = tar_gz(&[file("./a", b"1"), file("b//c", b"2"), file("a..b", b"3"), file("...", b"4")]);
    let (dir, result) = unpack(&bytes, &Limits::default(), Symlinks::Reject);
    assert_eq!(result.unwrap().files, 4);
    assert_eq!(fs::read(dir.path().join("dest/b/c")).unwrap(), b"2");
}

#[test]
fn a_link_cannot_redirect_a_later_entry() {
    let link = entry(b"out", EntryType::Symlink, 0o777, "..", b"");
    let bytes = tar_gz(&[link.clone(), file("out/evil", b"x")]);
    let (dir, result) = unpack(&bytes, &Limits::default(), Symlinks::Skip);
    assert_eq!(result.unwrap().files, 1);
    let out = dir.path().join("dest/out");
    assert!(fs::symlink_metadata(&out).unwrap().is_dir());
    assert_eq!(fs::read(out.join("evil")).unwrap(), b"x");

    let (_dir, result) = unpack(&tar_gz(&[link]), &Limits::default(), Symlinks::Reject);
    assert!(matches!(result, Err(ExtractError::Symlink(name)) if name == "out"));
}

#[test]
fn hard_links_and_devices_are_refused() {
    for kind in [EntryType::Link, EntryType::Char, EntryType::Block, EntryType::Fifo] {
        let bytes = tar_gz(&[entry(b"x", kind, 0o644, "/etc/passwd", b"")]);
        let (_dir, result) = unpack(&bytes, &Limits::default(), Symlinks::Skip);
        let error = result.unwrap_err().to_string();
        assert!(error.starts_with("tar file entry x contained unsupported file type"), "{error}");
    }
}

#[test]
fn set_id_bits_are_dropped_and_the_owner_keeps_access() {
    let dir = entry(b"d", EntryType::Directory, 0o7000, "", b"");
    let bytes = tar_gz(&[dir, entry(b"d/f", EntryType::Regular, 0o6111, "", b"x")]);
    let (out, result) = unpack(&bytes, &Limits::default(), Symlinks::Skip);
    result.unwrap();
    assert_eq!(mode(&out.path().join("dest/d")), 0o700);
    assert_eq!(mode(&out.path().join("dest/d/f")) & 0o7700, 0o700);
}

#[test]
fn a_later_entry_replaces_an_earlier_one_of_the_same_name() {
    let bytes = tar_gz(&[file("a", b"first, longer"), file("a", b"second")]);
    let (out, result) = unpack(&bytes, &Limits::default(), Symlinks::Skip);
    result.unwrap();
    assert_eq!(fs::read(out.path().join("dest/a")).unwrap(), b"second");
}

#[test]
fn a_file_in_the_place_of_a_directory_is_an_error() {
    let bytes = tar_gz(&[file("a", b"x"), file("a/b", b"y")]);
    let (_out, result) = unpack(&bytes, &Limits::default(), Symlinks::Skip);
    assert!(matches!(result, Err(ExtractError::Write { .. })), "{result:?}");
}

#[test]
fn bombs_are_stopped_before_they_are_written() {
    let limits = Limits { bytes: Some(1000), ..Limits::default() };
    let bytes = tar_gz(&[file("a", &[0; 600]), file("b", &[0; 401])]);
    let (out, result) = unpack(&bytes, &limits, Symlinks::Skip);
    assert!(matches!(result, Err(ExtractError::TooLarge { limit: 1000, .. })), "{result:?}");
    assert!(!out.path().join("dest/b").exists());

    let limits = Limits { entries: 3, ..Limits::default() };
    let many: Vec<_> = (0..4).map(|i| file(&i.to_string(), b"")).collect();
    assert!(unpack(&tar_gz(&many[..3]), &limits, Symlinks::Skip).1.is_ok());
    let (_out, result) = unpack(&tar_gz(&many), &limits, Symlinks::Skip);
    assert!(matches!(result, Err(ExtractError::TooManyEntries(3))), "{result:?}");

    let limits = Limits { depth: 2, ..Limits::default() };
    let (_out, result) = unpack(&tar_gz(&[file("a/b/c", b"")]), &limits, Symlinks::Skip);
    assert!(matches!(result, Err(ExtractError::TooDeep { limit: 2, .. })), "{result:?}");
}

/// A pax header may give a size that differs from the ustar header's. Whoever takes the wrong one reads the
/// smuggled entry inside the content as an entry of its own.
#[test]
fn the_size_in_pax_records_counts() {
    let smuggled = file("smuggled", b"");
    let record = format!("{} size={}\n", 12, smuggled.len());
    assert_eq!(record.len(), 12);
    let pax = entry(b"pax", EntryType::XHeader, 0, "", record.as_bytes());
    let mut header = file("outer", b"");
    header.extend_from_slice(&smuggled);
    let (out, result) = unpack(&tar_gz(&[pax, header]), &Limits::default(), Symlinks::Skip);
    assert_eq!(result.unwrap(), Extracted { files: 1, bytes: smuggled.len() as u64 });
    assert!(!out.path().join("dest/smuggled").exists());
}

#[test]
fn the_path_in_pax_records_is_checked_too() {
    let record = "20 path=../../evil1\n";
    assert_eq!(record.len(), 20);
    let pax = entry(b"pax", EntryType::XHeader, 0, "", record.as_bytes());
    let (_out, result) = unpack(&tar_gz(&[pax, file("harmless", b"x")]), &Limits::default(), Symlinks::Skip);
    assert!(matches!(result, Err(ExtractError::Name(name)) if name == "../../evil1"));
}

#[test]
fn descriptions_are_bounded() {
    for kind in [EntryType::XHeader, EntryType::GNULongName, EntryType::GNULongLink, EntryType::XGlobalHeader]
    {
        let bytes = tar_gz(&[entry(b"long", kind, 0, "", &vec![b'a'; 2 << 20]), file("a", b"x")]);
        let (_out, result) = unpack(&bytes, &Limits::default(), Symlinks::Skip);
        assert!(matches!(result, Err(ExtractError::Archive(_))), "{kind:?}: {result:?}");
    }
    // Nor do many short ones add up.
    let many: Vec<_> = (0..3000).map(|_| entry(b"l", EntryType::GNULongName, 0, "", &[b'a'; 512])).collect();
    let (_out, result) = unpack(&tar_gz(&many), &Limits::default(), Symlinks::Skip);
    assert!(matches!(result, Err(ExtractError::Archive(_))), "{result:?}");
}

/// Other programs write these; the tar library does it for us.
#[test]
fn archives_of_other_programs_are_read() {
    let long = "d/".repeat(90) + "file";
    let mut builder = tar::Builder::new(Vec::new());
    let mut gnu = Header::new_gnu();
    gnu.set_size(3);
    gnu.set_mode(0o755);
    gnu.set_cksum();
    builder.append_data(&mut gnu, &long, &b"gnu"[..]).unwrap();
    let mut old = Header::new_old();
    old.set_path("old").unwrap();
    old.set_size(3);
    old.set_mode(0o644);
    old.set_cksum();
    builder.append(&old, &b"old"[..]).unwrap();
    let bytes = gzip(&builder.into_inner().unwrap());
    let (out, result) = unpack(&bytes, &Limits::default(), Symlinks::Reject);
    assert_eq!(result.unwrap(), Extracted { files: 2, bytes: 6 });
    let dest = out.path().join("dest");
    assert_eq!(fs::read(dest.join(&long)).unwrap(), b"gnu");
    assert_eq!(mode(&dest.join(&long)) & 0o700, 0o700);
    assert_eq!(fs::read(dest.join("old")).unwrap(), b"old");
}

#[test]
fn a_link_has_no_content_whatever_size_it_claims() {
    let mut link = entry(b"link", EntryType::Symlink, 0o777, "x", b"");
    let mut header = Header::from_byte_slice(&link).clone();
    header.set_size(512);
    header.set_cksum();
    link.copy_from_slice(header.as_bytes());
    let (out, result) = unpack(&tar_gz(&[link, file("after", b"y")]), &Limits::default(), Symlinks::Skip);
    assert_eq!(result.unwrap().files, 1);
    assert!(out.path().join("dest/after").exists());
}

#[test]
fn global_pax_headers_are_no_files() {
    let global = entry(b"pax_global_header", EntryType::XGlobalHeader, 0o666, "", b"19 comment=abcdefg\n");
    let (out, result) = unpack(&tar_gz(&[global, file("a", b"x")]), &Limits::default(), Symlinks::Skip);
    assert_eq!(result.unwrap().files, 1);
    assert!(!out.path().join("dest/pax_global_header").exists());
}

#[test]
fn broken_streams_are_errors() {
    let good = tar_gz(&[file("a", &[7; 5000])]);
    for bytes in [&b""[..], b"not gzip", &good[..20], &good[..good.len() / 2], &gzip(&[1; 700])] {
        let (_out, result) = unpack(bytes, &Limits::default(), Symlinks::Skip);
        assert!(matches!(result, Err(ExtractError::Archive(_))), "{result:?}");
    }
}

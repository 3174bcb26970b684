//! JSON: cutting the items of an array out of a document that is never loaded whole. Follows the objects on the way to
//! the array; everything else is passed over by counting brackets, and each item is checked by its reader.

use bytes::Bytes;
use memchr::{memchr2, memchr3};

use super::framer::{Mark, Step};
use super::intake::{Intake, Spot};
use super::{Limits, charset, json_tree, too_large};
use crate::issue::{Code, Issue};

/// What comes next outside of values.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Expect {
    Value,
    FirstItem,
    AfterItem,
    FirstKey,
    Key,
    Colon,
    AfterMember,
    End,
}

/// What a value that is being passed is good for.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Role {
    Record,
    Passed,
}

/// How far a value is scanned; it stands at the start of the buffer.
#[derive(Debug, Clone, Copy)]
struct Scan {
    at: usize,
    depth: usize,
    in_string: bool,
    /// The brackets counted; others cannot matter in a well-formed value.
    open: u8,
    close: u8,
}

/// Cuts the items of an array, or the one object at its place.
pub(crate) struct JsonCut {
    path: Vec<String>,
    record: String,
    limits: Limits,
    expect: Expect,
    /// Objects of the path that are open.
    objects: usize,
    /// The array of records is open.
    in_array: bool,
    /// The key last read leads to the records.
    on_path: bool,
    /// The records have been found.
    past: bool,
    /// The value being followed: what for, how far, where it starts.
    value: Option<(Role, Scan, Spot)>,
    /// The first bytes of a record larger than allowed.
    kept: Option<Bytes>,
    /// Open objects, and whether the array is open, at the anchor; `None` before the first record.
    anchored: Option<(usize, bool)>,
}

impl JsonCut {
    pub(crate) fn new(record: &str, limits: Limits) -> Self {
        JsonCut {
            path: record.split('/').filter(|step| !step.is_empty()).map(str::to_owned).collect(),
            record: record.to_owned(),
            limits,
            expect: Expect::Value,
            objects: 0,
            in_array: false,
            on_path: true,
            past: false,
            value: None,
            kept: None,
            anchored: None,
        }
    }

    /// The state at the anchor: nothing read, or just after a record.
    pub(crate) fn save(&self, mark: &mut Mark) {
        if let Some((objects, in_array)) = self.anchored {
            mark.past = true;
            mark.open = std::iter::repeat_n("{", objects).chain(in_array.then_some("[")).map(str::to_owned).collect();
        }
    }

    pub(crate) fn restore(&mut self, mark: &Mark) {
        if mark.past {
            self.past = true;
            self.objects = mark.open.iter().filter(|open| *open == "{").count();
            self.in_array = mark.open.iter().any(|open| open == "[");
            self.anchored = Some((self.objects, self.in_array));
            self.expect = self.after_value();
        }
    }

    fn after_value(&self) -> Expect {
        match (self.in_array, self.objects) {
            (true, _) => Expect::AfterItem,
            (false, 0) => Expect::End,
            (false, _) => Expect::AfterMember,
        }
    }

    pub(crate) fn step(&mut self, intake: &mut Intake) -> Result<Step, Issue> {
        loop {
            if self.value.is_some() {
                match self.follow(intake)? {
                    Some(step) => return Ok(step),
                    None => continue,
                }
            }
            let blanks = intake.bytes().iter().take_while(|byte| byte.is_ascii_whitespace()).count();
            intake.skip(blanks);
            let Some(byte) = intake.bytes().first().copied() else {
                return self.at_end(intake);
            };
            match (self.expect, byte) {
                (Expect::End, _) => {
                    let issue =
                        Issue::error(Code("E130"), "text after the end of the JSON document").at(intake.spot().place());
                    return Err(issue.hint("one value per line is `format = \"ndjson\"`"));
                }
                (Expect::Value, _) | (Expect::FirstItem, _) if byte != b']' || self.expect == Expect::Value => {
                    self.start_value(intake, byte)?;
                }
                (Expect::FirstItem | Expect::AfterItem, b']') => {
                    self.in_array = false;
                    self.expect = self.after_value();
                    intake.skip(1);
                }
                (Expect::AfterItem, b',') => self.expect_after(intake, Expect::Value),
                (Expect::FirstKey | Expect::Key, b'"') => {
                    if !self.key(intake)? {
                        return self.at_end(intake);
                    }
                }
                (Expect::FirstKey | Expect::AfterMember, b'}') => {
                    self.objects -= 1;
                    self.expect = self.after_value();
                    intake.skip(1);
                }
                (Expect::Colon, b':') => self.expect_after(intake, Expect::Value),
                (Expect::AfterMember, b',') => self.expect_after(intake, Expect::Key),
                (Expect::Value, _) | (Expect::FirstItem, _) | (Expect::AfterItem, _) => {
                    return Err(unexpected("`,` or `]`", intake));
                }
                (Expect::FirstKey, _) | (Expect::Key, _) => return Err(unexpected("a key in double quotes", intake)),
                (Expect::Colon, _) => return Err(unexpected("`:`", intake)),
                (Expect::AfterMember, _) => return Err(unexpected("`,` or `}`", intake)),
            }
        }
    }

    fn expect_after(&mut self, intake: &mut Intake, next: Expect) {
        intake.skip(1);
        self.expect = next;
    }

    /// Decides what the value that starts here is good for.
    fn start_value(&mut self, intake: &mut Intake, byte: u8) -> Result<(), Issue> {
        if matches!(byte, b'}' | b']' | b',' | b':') {
            return Err(unexpected("a value", intake));
        }
        let role = match (self.in_array, self.on_path && !self.past, byte) {
            (true, _, _) => Role::Record,
            (false, false, _) => Role::Passed,
            (false, true, b'{') if self.objects < self.path.len() => {
                self.objects += 1;
                self.expect_after(intake, Expect::FirstKey);
                return Ok(());
            }
            (false, true, b'[') if self.objects == self.path.len() => {
                self.past = true;
                self.in_array = true;
                self.expect_after(intake, Expect::FirstItem);
                return Ok(());
            }
            (false, true, b'{') => Role::Record,
            (false, true, b'n') => Role::Passed,
            (false, true, _) => {
                let step = self.path[..self.objects].join("/");
                let what = if self.objects < self.path.len() { "an object" } else { "an array or an object" };
                let issue = Issue::error(Code("E132"), format!("{what} is expected at this place"));
                return Err(issue
                    .at(intake.spot().place().path(step))
                    .hint("`record` is the path of the array of records"));
            }
        };
        if self.on_path && self.objects == self.path.len() {
            self.past = true;
        }
        let (in_string, open, close) = match byte {
            b'{' => (false, b'{', b'}'),
            b'[' => (false, b'[', b']'),
            b'"' => (true, 0, 0),
            _ => (false, 0, 0),
        };
        let scan =
            Scan { at: usize::from(open > 0 || in_string), depth: usize::from(open > 0), in_string, open, close };
        self.value = Some((role, scan, intake.spot()));
        Ok(())
    }

    /// Follows the value at the start of the buffer; a step where it ends as a record, or bytes run out.
    fn follow(&mut self, intake: &mut Intake) -> Result<Option<Step>, Issue> {
        let Some((role, mut scan, spot)) = self.value else {
            return Ok(None);
        };
        let limit = self.limits.record_bytes;
        let end = scan.find_end(intake.bytes(), intake.ended());
        if role == Role::Record && self.kept.is_none() && scan.at > limit {
            self.kept = Some(Bytes::copy_from_slice(&intake.bytes()[..limit]));
        }
        if role == Role::Passed || self.kept.is_some() {
            intake.skip(scan.at);
            scan.at = 0;
        }
        if !end {
            self.value = Some((role, scan, spot));
            if intake.ended() {
                let issue = Issue::error(
                    Code("E134"),
                    format!("the file ends inside the value that starts at line {}", spot.line),
                );
                return Err(issue
                    .at(intake.spot_at(intake.bytes().len()).place())
                    .hint("it was cut short: ask for it again"));
            }
            return Ok(Some(Step::More));
        }
        self.value = None;
        self.expect = self.after_value();
        if role == Role::Passed {
            return Ok(None);
        }
        let taken = intake.take(scan.at);
        intake.drop_anchor();
        self.anchored = Some((self.objects, self.in_array));
        let kept = self.kept.take();
        let flaw = kept.is_some().then(|| too_large(limit).at(spot.place()));
        Ok(Some(Step::cut(kept.unwrap_or(taken), spot, flaw)))
    }

    /// Reads a key of an object on the path; false where it is not whole yet.
    fn key(&mut self, intake: &mut Intake) -> Result<bool, Issue> {
        let mut scan = Scan { at: 1, depth: 0, in_string: true, open: 0, close: 0 };
        let whole = scan.find_end(intake.bytes(), intake.ended());
        if scan.at > self.limits.record_bytes {
            let message = format!("a key is longer than {} bytes", self.limits.record_bytes);
            return Err(Issue::error(Code("E103"), message).at(intake.spot().place()).hint("is a quote missing?"));
        }
        if !whole {
            return Ok(false);
        }
        let spot = intake.spot();
        let charset = intake.charset();
        let raw = intake.take(scan.at);
        let text = charset.of_records().decode(&raw).map_err(|_| charset::invalid(charset, &raw).at(spot.place()))?;
        let key = json_tree::unquote(&text).map_err(|what| Issue::error(Code("E130"), what).at(spot.place()))?;
        self.on_path = self.path.get(self.objects - 1).is_some_and(|step| *step == *key);
        if self.on_path && self.past {
            let issue = Issue::error(Code("E131"), format!("key `{key}` stands twice in one object"));
            return Err(issue.at(spot.place()).hint("the source must write each key once"));
        }
        self.expect = Expect::Colon;
        Ok(true)
    }

    /// What it means that the bytes end here.
    fn at_end(&self, intake: &Intake) -> Result<Step, Issue> {
        if !intake.ended() {
            return Ok(Step::More);
        }
        let place = intake.spot_at(intake.bytes().len()).place();
        match self.expect {
            Expect::End if self.past => Ok(Step::Done),
            Expect::End => {
                let issue =
                    Issue::error(Code("E132"), format!("there is nothing at `{}` in this document", self.record));
                Err(issue.at(place).hint("`record` is the path of the array of records, such as `data/items`"))
            }
            Expect::Value
            | Expect::FirstItem
            | Expect::AfterItem
            | Expect::FirstKey
            | Expect::Key
            | Expect::Colon
            | Expect::AfterMember => {
                let what = if intake.spot().offset == 0 {
                    "the file is empty"
                } else {
                    "the file ends inside its JSON document"
                };
                Err(Issue::error(Code("E134"), what).at(place).hint("it was cut short: ask for it again"))
            }
        }
    }
}

impl Scan {
    /// Whether the value ends in these bytes; `at` is its length then.
    fn find_end(&mut self, bytes: &[u8], ended: bool) -> bool {
        if self.depth == 0 && !self.in_string {
            return self.find_scalar_end(bytes, ended);
        }
        loop {
            let rest = &bytes[self.at..];
            let found =
                if self.in_string { memchr2(b'"', b'\\', rest) } else { memchr3(b'"', self.open, self.close, rest) };
            let Some(found) = found.map(|found| self.at + found) else {
                self.at = bytes.len();
                return false;
            };
            match bytes[found] {
                b'\\' if self.in_string => {
                    if found + 1 >= bytes.len() {
                        self.at = found;
                        return false;
                    }
                    self.at = found + 2;
                    continue;
                }
                b'"' => self.in_string = !self.in_string,
                byte if byte == self.open => self.depth += 1,
                _ => self.depth -= 1,
            }
            self.at = found + 1;
            if self.depth == 0 && !self.in_string {
                return true;
            }
        }
    }

    fn find_scalar_end(&mut self, bytes: &[u8], ended: bool) -> bool {
        let ends = |byte: &u8| matches!(byte, b',' | b']' | b'}' | b':') || byte.is_ascii_whitespace();
        match bytes[self.at..].iter().position(ends) {
            Some(found) => {
                self.at += found;
                true
            }
            None => {
                self.at = bytes.len();
                ended
            }
        }
    }
}

fn unexpected(expected: &str, intake: &Intake) -> Issue {
    Issue::error(Code("E130"), format!("{expected} is expected here")).at(intake.spot().place())
}

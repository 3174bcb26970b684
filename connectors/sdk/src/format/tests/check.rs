//! Formats that cannot work.

use super::*;

#[test]
fn a_format_tells_everything_that_cannot_work() {
    let told = |format: Format| format.check().iter().map(line).collect::<Vec<_>>();
    assert_eq!(told(csv(b';')), [""; 0]);
    let mut wrong = csv(b'"');
    wrong.encoding = "utf-9".into();
    if let Shape::Csv { columns, terminator, .. } = &mut wrong.shape {
        *columns = ["a", "", "a"].map(str::to_owned).to_vec();
        *terminator = Some(Terminator { text: String::new(), starts: vec![] });
    }
    assert_eq!(
        told(wrong),
        [
            "E105 entry 2 of `columns` has no name at `columns`",
            "E105 `a` stands twice in `columns` at `columns`",
            "E105 a quote is one ASCII character other than the delimiter at `quote`",
            "E105 a terminator cannot be empty at `terminator`",
            "E100 encoding `utf-9` is not known at `encoding`",
        ]
    );
    let namespaces = vec![("a".into(), "u".into()), ("b".into(), "u".into())];
    assert_eq!(
        told(format(Shape::Xml { record: "c:d".into(), namespaces, raw: vec![] })),
        [
            "E105 `u` stands twice in `namespaces` at `namespaces`",
            "E105 the prefix of `record = \"c:d\"` is not declared at `record`",
        ]
    );
    let fields = vec![FixedField { name: "n".into(), start: 0, width: 1 }];
    assert_eq!(
        told(format(Shape::Fixed { fields, prefix: String::new(), terminator: None })),
        ["E105 field `n` needs a start and a width, both from 1 at `fields`"]
    );
}

//! Applying a mapping: a document to the updates of its case, in the order of the record. Every field that fails is
//! reported; the key of the case is kept apart, so that a refused record still names its case where it can.

use guichet_sdk::{Document, Issue, Node, Refusal};

use super::Mapping;
use super::codes::ABSENT;
use super::compile::{Field, Scope, Walk};
use super::coverage::Seen;
use super::draft::{Draft, Item};
use super::eval::{Scene, Stop};
use super::fields::{Part, StatusField, Target};
use super::site::Site;
use super::transform::Unfit;
use super::value::Value;
use crate::model::{CaseUpdate, Facts, Moment};

/// Problems reported of one record; more of them say nothing new.
const MAX_ISSUES: usize = 100;

impl Mapping {
    /// Applies it, noting which rows of code tables served.
    pub(super) fn apply_noting(&self, document: &Document, seen: Option<&Seen>) -> Result<Vec<CaseUpdate>, Refusal> {
        let mut run = Run { issues: Vec::new() };
        let mut scene = Scene::of(&self.file, &document.root, seen);
        run.lets(&self.record, &mut scene);
        let mut draft = Draft::default();
        run.fields(&self.record, &scene, |target, own, value| draft.set(target, own, value));
        for list in &self.lists {
            run.list(list, &scene, &mut draft.update.facts);
        }
        let key = draft.update.key.clone();
        let updates = if self.updates.is_empty() {
            run.finish(draft, [&self.record, &self.record], &scene).into_iter().collect()
        } else {
            run.updates(&self.updates, &self.record, &scene, draft)
        };
        if run.issues.is_empty() {
            return Ok(updates);
        }
        Err(Refusal { case_key: (!key.is_empty()).then_some(key), issues: run.issues })
    }
}

/// One application, and what went wrong in it.
struct Run {
    issues: Vec<Issue>,
}

impl Run {
    fn report(&mut self, name: &str, stop: Stop) {
        match stop {
            Stop::Refused(mut issue) if self.issues.len() < MAX_ISSUES => {
                issue.message = format!("`{name}`: {}", issue.message);
                self.issues.push(*issue);
            }
            Stop::Refused(_) | Stop::Poisoned => {}
        }
    }

    fn lets<'a>(&mut self, scope: &'a Scope, scene: &mut Scene<'a>) {
        for (name, op) in &scope.lets {
            let value = match op.eval(scene) {
                Ok(value) => Some(value),
                Err(stop) => {
                    self.report(&format!("${name}"), stop);
                    None
                }
            };
            scene.lets.push(value);
        }
    }

    fn fields<'a>(
        &mut self,
        scope: &'a Scope,
        scene: &Scene<'a>,
        mut set: impl FnMut(Target, &str, Value<'a>) -> Result<(), Unfit>,
    ) {
        for field in &scope.fields {
            let done = match field.op.eval(scene) {
                Ok(value) if value.is_blank() && !field.required => Ok(()),
                Ok(value) if value.is_blank() => {
                    Err(stop(field, scene, Unfit::new(ABSENT, "is empty, and it is required")))
                }
                Ok(value) => {
                    if let Some(seen) = scene.seen {
                        seen.field(field);
                    }
                    set(field.target, &field.own, value).map_err(|unfit| stop(field, scene, unfit))
                }
                Err(stop) => Err(stop),
            };
            if let Err(stop) = done {
                self.report(&field.name, stop);
            }
        }
    }

    /// The items of a list, each with its scene.
    fn items<'a>(&mut self, walk: &'a Walk, scene: &Scene<'a>) -> Vec<Scene<'a>> {
        let Some(each) = &walk.each else { return vec![scene.clone()] };
        match each.nodes(scene) {
            Ok(nodes) => {
                let numbered = nodes.into_iter().enumerate();
                numbered
                    .filter(|(_, node)| **node != Node::Empty)
                    .map(|(at, node)| scene.item(node, &each.text, at + 1))
                    .collect()
            }
            Err(stop) => {
                self.report("each", stop);
                Vec::new()
            }
        }
    }

    fn list<'a>(&mut self, walk: &'a Walk, scene: &Scene<'a>, facts: &mut Facts) {
        for mut scene in self.items(walk, scene) {
            self.lets(&walk.scope, &mut scene);
            let mut item = Item::default();
            self.fields(&walk.scope, &scene, |target, own, value| item.set(target, own, value));
            match walk.part {
                Part::Parties => item.into_party(facts),
                Part::Actions => item.into_action(facts),
                Part::Documents => item.into_document(facts),
                Part::Links => item.into_link(facts),
                Part::Record | Part::Update => {}
            }
        }
    }

    /// One update per item of each walk, then the facts of the record, as known at the latest of them.
    fn updates<'a>(
        &mut self,
        walks: &'a [Walk],
        of_record: &Scope,
        scene: &Scene<'a>,
        record: Draft,
    ) -> Vec<CaseUpdate> {
        let facts = CaseUpdate { status: None, event: None, ..record.update.clone() };
        let base = Draft { update: CaseUpdate { facts: Facts::default(), ..record.update }, status: record.status };
        let mut updates = Vec::new();
        for walk in walks {
            for mut scene in self.items(walk, scene) {
                self.lets(&walk.scope, &mut scene);
                let mut draft = base.clone();
                self.fields(&walk.scope, &scene, |target, own, value| draft.set(target, own, value));
                updates.extend(self.finish(draft, [&walk.scope, of_record], &scene));
            }
        }
        if !facts.facts.is_empty() {
            let since = |update: &CaseUpdate| update.status.as_ref().and_then(|status| status.effective_at);
            let as_of: Option<Moment> = updates.iter().filter_map(since).max_by_key(|moment| moment.micros);
            updates.push(CaseUpdate { as_of, ..facts });
        }
        updates
    }

    /// The update of a draft; one that contradicts itself is reported where its outcome is written.
    fn finish(&mut self, draft: Draft, scopes: [&Scope; 2], scene: &Scene<'_>) -> Option<CaseUpdate> {
        match draft.status.finish() {
            Ok(status) => Some(CaseUpdate { status, ..draft.update }),
            Err(unfit) => {
                let outcome = |field: &&Field| field.target == Target::Status(StatusField::Outcome);
                let stop = match scopes.iter().flat_map(|scope| &scope.fields).find(outcome) {
                    Some(field) => stop(field, scene, unfit),
                    None => scene.stop(Issue::error(unfit.code, unfit.what), Site { line: 1, column: 1 }, ""),
                };
                self.report("status.outcome", stop);
                None
            }
        }
    }
}

/// Stops at a field, naming the path its value came from.
fn stop(field: &Field, scene: &Scene<'_>, unfit: Unfit) -> Stop {
    let issue = Issue::error(unfit.code, unfit.what);
    let issue = match unfit.hint {
        Some(hint) => issue.hint(hint),
        None => issue,
    };
    scene.stop(issue, field.site, &field.origin)
}

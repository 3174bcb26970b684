//! Checks the order of a flow: as written, and against what its mapping sets.

use super::checker::Checker;
use super::codes;
use super::written::{FlowTable, OrderTable, Ties, WordOr};
use crate::mapping::Mapping;
use crate::model::{Order, OrderClass};

/// The order of a flow as usable.
pub fn check(flow: &str, table: &FlowTable, to: &mut Checker<'_>) -> Option<Order> {
    match to.required(table.order.as_ref(), &["flows", flow, "order"], "order = \"time\"")? {
        WordOr::Word(class) => Some(Order::of(*class)),
        WordOr::Table(OrderTable { by, ties, skew }) => {
            let class = to.required(*by, &["flows", flow, "order", "by"], "by = \"time\"");
            let skew = skew.map(|skew| to.lasting(skew, ("0s", "31d"), &["flows", flow, "order", "skew"]));
            Some(Order {
                class: class?,
                ties_by_position: match ties {
                    Some(Ties::File) => true,
                    None => false,
                },
                skew: skew.map_or(0, super::flow::micros),
            })
        }
    }
}

/// Compares the order with the fields the mapping sets: an order without its field would refuse every record.
pub fn against(mapping: &Mapping, order: Order, flow: &str, to: &mut Checker<'_>) {
    let sets = |field: &str| mapping.sets(field);
    let path = ["flows", flow, "order"];
    let lacks = match order.class {
        OrderClass::Version => (!sets("update.version")).then_some(("version", "update.version")),
        OrderClass::Time if sets("status.phase") => {
            (!sets("status.effective_at")).then_some(("time", "status.effective_at"))
        }
        OrderClass::Time => {
            let dated = ["case.closed_at", "case.received_at", "case.submitted_at"].into_iter().any(sets);
            (!dated).then_some(("time", "case.received_at"))
        }
        OrderClass::Snapshot | OrderClass::Arrival => None,
    };
    if let Some((class, field)) = lacks {
        let message = format!("the flow orders by {class}, and its mapping never sets `{field}`");
        to.error(&path, codes::ORDER, message, format!("set `{field}` in the mapping, or choose another `order`"));
    }
    if order.class == OrderClass::Arrival && !sets("update.event") {
        let message = "a case that returns to an earlier state is not seen in order of arrival";
        to.warning(&path, codes::RETURNS, message, "set `update.event` in the mapping, or use `order = \"snapshot\"`");
    }
}

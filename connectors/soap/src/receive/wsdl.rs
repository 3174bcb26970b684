//! The WSDL of a flow that receives: made from its settings, or the one its peer was built against, with our address in
//! it. Pure.

use guichet_sdk::Issue;
use guichet_sdk::format::{Event, Limits, Walk, escape_xml};
use guichet_sdk::settings::UNUSABLE;

use super::head::Named;

/// WSDL 1.1.
const WSDL: &str = "http://schemas.xmlsoap.org/wsdl/";
/// Its bindings of both versions.
const SOAP: [&str; 2] = ["http://schemas.xmlsoap.org/wsdl/soap/", "http://schemas.xmlsoap.org/wsdl/soap12/"];

/// What a description says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Description {
    /// Made from the settings.
    Made(Made),
    /// The peer's own, with the places where an address stands.
    Given {
        /// As it is in its file.
        text: String,
        /// The values of `location`, in order.
        addresses: Vec<std::ops::Range<usize>>,
    },
}

/// A description made from the settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// What the operation is called.
    pub operation: String,
    /// What it is called on the wire.
    pub action: String,
    /// What is sent.
    pub element: Named,
    /// Texts in it; anything where there are none.
    pub fields: Vec<String>,
    /// What is answered.
    pub answer: Named,
}

impl Description {
    /// Reads a description; it must be one, and name an address.
    pub fn given(text: String) -> Result<Self, Issue> {
        let mut walk = Walk::new(&text, Limits { attributes: 1024, ..Limits::default() });
        let (mut addresses, mut definitions) = (Vec::new(), false);
        while let Some((_, event)) = walk.next()? {
            let Event::Open(element) = event else { continue };
            definitions |= element.depth == 0 && element.is(WSDL, "definitions");
            if element.local == "address" && SOAP.contains(&&*element.namespace) {
                let location = element.attributes.iter().find(|attribute| attribute.local == "location");
                addresses.extend(location.map(|location| location.span.clone()));
            }
        }
        match (definitions, addresses.is_empty()) {
            (true, false) => Ok(Description::Given { text, addresses }),
            (false, _) => Err(Issue::error(UNUSABLE, "the file is no WSDL 1.1")),
            (true, true) => Err(Issue::error(UNUSABLE, "the WSDL names no SOAP address")),
        }
    }

    /// The description of the service at this address.
    pub fn at(&self, address: &str) -> String {
        match self {
            Description::Made(made) => made.at(address),
            Description::Given { text, addresses } => {
                let (mut told, mut from) = (String::with_capacity(text.len()), 0);
                for span in addresses {
                    told += &text[from..span.start];
                    told += &format!("location=\"{}\"", escape_xml(address));
                    from = span.end;
                }
                told + &text[from..]
            }
        }
    }
}

impl Made {
    fn at(&self, address: &str) -> String {
        let Made { operation, action, element, answer, .. } = self;
        let service = format!("urn:guichet:{operation}");
        let target = if element.namespace.is_empty() { &service } else { &element.namespace };
        let (operation, action, address, target) =
            (escape_xml(operation), escape_xml(action), escape_xml(address), escape_xml(target));
        let types = self.types();
        let part = |name: &Named| match name.namespace.is_empty() {
            true => format!("element=\"{}\"", name.local),
            false => format!("xmlns:e=\"{}\" element=\"e:{}\"", escape_xml(&name.namespace), name.local),
        };
        let (sent, answered) = (part(element), part(answer));
        let binding = |prefix: &str, name: &str| {
            format!(
                "  <wsdl:binding name=\"{operation}{name}\" type=\"tns:{operation}PortType\">\n    \
                 <{prefix}:binding style=\"document\" transport=\"http://schemas.xmlsoap.org/soap/http\"/>\n    \
                 <wsdl:operation name=\"{operation}\">\n      <{prefix}:operation soapAction=\"{action}\" style=\"document\"/>\n      \
                 <wsdl:input><{prefix}:body use=\"literal\"/></wsdl:input>\n      \
                 <wsdl:output><{prefix}:body use=\"literal\"/></wsdl:output>\n    </wsdl:operation>\n  </wsdl:binding>\n"
            )
        };
        let port = |prefix: &str, name: &str| {
            format!(
                "    <wsdl:port name=\"{operation}{name}\" binding=\"tns:{operation}{name}\"><{prefix}:address location=\"{address}\"/></wsdl:port>\n"
            )
        };
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<wsdl:definitions name=\"{operation}\" targetNamespace=\"{target}\" xmlns:tns=\"{target}\" \
             xmlns:wsdl=\"{WSDL}\" xmlns:soap=\"{}\" xmlns:soap12=\"{}\" xmlns:xs=\"http://www.w3.org/2001/XMLSchema\">\n  \
             <wsdl:types>\n{types}  </wsdl:types>\n  \
             <wsdl:message name=\"{operation}In\"><wsdl:part name=\"parameters\" {sent}/></wsdl:message>\n  \
             <wsdl:message name=\"{operation}Out\"><wsdl:part name=\"parameters\" {answered}/></wsdl:message>\n  \
             <wsdl:portType name=\"{operation}PortType\">\n    <wsdl:operation name=\"{operation}\">\n      \
             <wsdl:input message=\"tns:{operation}In\"/>\n      <wsdl:output message=\"tns:{operation}Out\"/>\n    \
             </wsdl:operation>\n  </wsdl:portType>\n{}{}  <wsdl:service name=\"{operation}Service\">\n{}{}  </wsdl:service>\n</wsdl:definitions>\n",
            SOAP[0],
            SOAP[1],
            binding("soap", "Soap"),
            binding("soap12", "Soap12"),
            port("soap", "Soap"),
            port("soap12", "Soap12"),
        )
    }

    /// A schema for each namespace.
    fn types(&self) -> String {
        let anything = "<xs:any processContents=\"lax\" minOccurs=\"0\" maxOccurs=\"unbounded\"/>".to_owned();
        let field =
            |name: &String| format!("<xs:element name=\"{}\" type=\"xs:string\" minOccurs=\"0\"/>", escape_xml(name));
        let inside = match self.fields.is_empty() {
            true => anything.clone(),
            false => self.fields.iter().map(field).collect(),
        };
        let sent = element(&self.element, &inside);
        let answered = element(&self.answer, &anything);
        if self.element.namespace == self.answer.namespace {
            return schema(&self.element.namespace, &(sent + &answered));
        }
        schema(&self.element.namespace, &sent) + &schema(&self.answer.namespace, &answered)
    }
}

fn element(name: &Named, inside: &str) -> String {
    let local = escape_xml(&name.local);
    format!(
        "      <xs:element name=\"{local}\"><xs:complexType><xs:sequence>{inside}</xs:sequence></xs:complexType></xs:element>\n"
    )
}

fn schema(namespace: &str, elements: &str) -> String {
    let target = match namespace.is_empty() {
        true => String::new(),
        false => format!(" targetNamespace=\"{}\" elementFormDefault=\"qualified\"", escape_xml(namespace)),
    };
    format!("    <xs:schema{target}>\n{elements}    </xs:schema>\n")
}

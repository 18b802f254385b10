//! `muster.v1.Operators`.

use muster_common::page::PageSeal;
use muster_common::timestamp::to_wire;
use muster_proto::v1 as wire;
use muster_proto::v1::operators_server::Operators as Service;
use tonic::{Request, Response, Status};

use crate::api::error::{invalid, status};
use crate::api::{caller, page};
use crate::authority::Issued;
use crate::operators::{Operator, Operators, Role};

const PAGE_MAX: u32 = 1_000;

pub struct OperatorsService {
    pub operators: Operators,
    pub seal: PageSeal,
}

#[tonic::async_trait]
impl Service for OperatorsService {
    async fn create_operator(
        &self,
        request: Request<wire::CreateOperatorRequest>,
    ) -> Result<Response<wire::CreateOperatorResponse>, Status> {
        let by = caller::operator(&request)?.id.to_string();
        let wire::CreateOperatorRequest {
            operator_id,
            role: wanted,
            csr,
        } = request.into_inner();
        let id = operator_id
            .parse()
            .map_err(|error| invalid(format!("operator_id: {error}")))?;
        let wanted = role_of(wanted)?;
        let (created, issued) = self
            .operators
            .create(&id, wanted, &csr, &by)
            .await
            .map_err(status)?;
        Ok(Response::new(wire::CreateOperatorResponse {
            operator: Some(operator(&created)),
            certificate: Some(self.certificate(issued)),
        }))
    }

    async fn list_operators(
        &self,
        request: Request<wire::ListOperatorsRequest>,
    ) -> Result<Response<wire::ListOperatorsResponse>, Status> {
        let by = caller::operator(&request)?.id.to_string();
        let wire::ListOperatorsRequest {
            page_size,
            page_token,
        } = request.into_inner();
        let after = page::open(&self.seal, "operators", &by, &page_token)?;
        let (found, next) = self
            .operators
            .list(after, page::size(page_size, PAGE_MAX)?)
            .await
            .map_err(status)?;
        Ok(Response::new(wire::ListOperatorsResponse {
            operators: found.iter().map(operator).collect(),
            next_page_token: page::seal(&self.seal, "operators", &by, next.as_ref()),
        }))
    }

    async fn revoke_operator(
        &self,
        request: Request<wire::RevokeOperatorRequest>,
    ) -> Result<Response<wire::Operator>, Status> {
        let by = caller::operator(&request)?.id.to_string();
        let name = request.into_inner().name;
        let bare = name.strip_prefix("operators/").unwrap_or(&name);
        let id = bare
            .parse()
            .map_err(|error| invalid(format!("name: {error}")))?;
        let revoked = self.operators.revoke(&id, &by).await.map_err(status)?;
        Ok(Response::new(operator(&revoked)))
    }

    async fn renew_operator(
        &self,
        request: Request<wire::RenewOperatorRequest>,
    ) -> Result<Response<wire::Certificate>, Status> {
        let caller = caller::operator(&request)?;
        let csr = request.into_inner().csr;
        let issued = self
            .operators
            .renew(caller.name(), &caller.certificate, &csr)
            .await
            .map_err(status)?;
        Ok(Response::new(self.certificate(issued)))
    }

    async fn get_caller(
        &self,
        request: Request<wire::GetCallerRequest>,
    ) -> Result<Response<wire::Operator>, Status> {
        let caller = caller::operator(&request)?;
        Ok(Response::new(operator(&caller.operator)))
    }
}

impl OperatorsService {
    fn certificate(&self, issued: Issued) -> wire::Certificate {
        wire::Certificate {
            chain: issued.chain.into_iter().map(Into::into).collect(),
            server_roots: self
                .operators
                .server_roots()
                .into_iter()
                .map(Into::into)
                .collect(),
        }
    }
}

fn role_of(role: i32) -> Result<Role, Status> {
    match wire::Role::try_from(role) {
        Ok(wire::Role::Viewer) => Ok(Role::Viewer),
        Ok(wire::Role::Analyst) => Ok(Role::Analyst),
        Ok(wire::Role::Admin) => Ok(Role::Admin),
        Ok(wire::Role::Unspecified) | Err(_) => {
            Err(invalid("role: should be VIEWER, ANALYST or ADMIN"))
        }
    }
}

fn operator(operator: &Operator) -> wire::Operator {
    let role = match operator.role {
        Role::Viewer => wire::Role::Viewer,
        Role::Analyst => wire::Role::Analyst,
        Role::Admin => wire::Role::Admin,
    };
    wire::Operator {
        name: format!("operators/{}", operator.id),
        role: role.into(),
        created_at: Some(to_wire(operator.created_at)),
        certificate_expires_at: Some(to_wire(operator.certificate_expires_at)),
        revoked: operator.revoked,
        created_by: operator.created_by.clone(),
    }
}

//! Tags, as Salt's own module has them: by ids, each answer a map with one heading.
//!
//! The originals need VMware's SDK for Python, and answer null whatever has gone wrong; here that is an error.

use salt::{Context, Map, Result, Value, functions, map, salt_fn};
use vcenter::ops::tag::Category;
use vcenter::{Client, MoRef};

use salt::connection::{Login, client_of_arguments, refuse_service_instance};

functions![
    attach_tag,
    create_tag,
    create_tag_category,
    delete_tag,
    delete_tag_category,
    list_attached_tags,
    list_tag_categories,
    list_tags,
];

/// Lists the categories of tags by id, under `Categories`.
///
/// CLI Example:
///
/// ```bash
/// salt '*' vsphere.list_tag_categories
/// ```
#[salt_fn(proxies("vcenter"))]
async fn list_tag_categories(
    cx: &Context,
    /// The vCenter to ask; without it the minion's own is asked.
    server: Option<String>,
    /// The user to log in as, if not as the minion does.
    username: Option<String>,
    /// The user's password; for the minion's own user it may be left out.
    #[default(None)]
    password: Value,
    /// Leave it out: it is for Python only.
    #[default(None)]
    service_instance: Value,
    /// Check the certificate of another server than the minion's own.
    #[default(None)]
    verify_ssl: Value,
    /// A file with certificates to trust.
    ca_bundle: Option<String>,
) -> Result<Map> {
    let login = login(server, username, password, &verify_ssl, ca_bundle);
    let client = client(cx, &service_instance, login).await?;
    Ok(map! { "Categories" => client.tags().category_ids().await? })
}

/// Lists the tags by id, under `Tags`.
///
/// CLI Example:
///
/// ```bash
/// salt '*' vsphere.list_tags
/// ```
#[salt_fn(proxies("vcenter"))]
async fn list_tags(
    cx: &Context,
    /// The vCenter to ask; without it the minion's own is asked.
    server: Option<String>,
    /// The user to log in as, if not as the minion does.
    username: Option<String>,
    /// The user's password; for the minion's own user it may be left out.
    #[default(None)]
    password: Value,
    /// Leave it out: it is for Python only.
    #[default(None)]
    service_instance: Value,
    /// Check the certificate of another server than the minion's own.
    #[default(None)]
    verify_ssl: Value,
    /// A file with certificates to trust.
    ca_bundle: Option<String>,
) -> Result<Map> {
    let login = login(server, username, password, &verify_ssl, ca_bundle);
    let client = client(cx, &service_instance, login).await?;
    Ok(map! { "Tags" => client.tags().tag_ids().await? })
}

/// Puts a tag on an object. Nothing happens if it is there already.
///
/// CLI Example:
///
/// ```bash
/// salt '*' vsphere.attach_tag domain-c2283 urn:vmomi:InventoryServiceTag:b55ecc77-f4a5-49f8-ab52-38865467cfbe:GLOBAL
/// ```
#[salt_fn(proxies("vcenter"))]
async fn attach_tag(
    cx: &Context,
    /// The object's identifier, as `domain-c2283`.
    object_id: String,
    /// The tag, by id.
    tag_id: String,
    /// The object's type.
    #[default("ClusterComputeResource")]
    managed_obj: String,
    /// The vCenter to ask; without it the minion's own is asked.
    server: Option<String>,
    /// The user to log in as, if not as the minion does.
    username: Option<String>,
    /// The user's password; for the minion's own user it may be left out.
    #[default(None)]
    password: Value,
    /// Leave it out: it is for Python only.
    #[default(None)]
    service_instance: Value,
    /// Check the certificate of another server than the minion's own.
    #[default(None)]
    verify_ssl: Value,
    /// A file with certificates to trust.
    ca_bundle: Option<String>,
) -> Result<Map> {
    let login = login(server, username, password, &verify_ssl, ca_bundle);
    let client = client(cx, &service_instance, login).await?;
    client.tags().attach(&tag_id, &MoRef::new(managed_obj.as_str(), &object_id)).await?;
    Ok(map! { "Tag attached" => Value::None })
}

/// Lists the tags on an object by id, under `Attached tags`.
///
/// CLI Example:
///
/// ```bash
/// salt '*' vsphere.list_attached_tags domain-c2283
/// ```
#[salt_fn(proxies("vcenter"))]
async fn list_attached_tags(
    cx: &Context,
    /// The object's identifier, as `domain-c2283`.
    object_id: String,
    /// The object's type.
    #[default("ClusterComputeResource")]
    managed_obj: String,
    /// The vCenter to ask; without it the minion's own is asked.
    server: Option<String>,
    /// The user to log in as, if not as the minion does.
    username: Option<String>,
    /// The user's password; for the minion's own user it may be left out.
    #[default(None)]
    password: Value,
    /// Leave it out: it is for Python only.
    #[default(None)]
    service_instance: Value,
    /// Check the certificate of another server than the minion's own.
    #[default(None)]
    verify_ssl: Value,
    /// A file with certificates to trust.
    ca_bundle: Option<String>,
) -> Result<Map> {
    let login = login(server, username, password, &verify_ssl, ca_bundle);
    let client = client(cx, &service_instance, login).await?;
    let object = MoRef::new(managed_obj.as_str(), &object_id);
    let found =
        client.tags().attached_to(std::slice::from_ref(&object)).await?.remove(&object).unwrap_or_default();
    let ids: Vec<String> = found.iter().map(|tag| tag.id.clone()).collect();
    Ok(map! { "Attached tags" => ids })
}

/// Creates a category of tags for objects of any type, and gives its id under `Category created`.
///
/// CLI Example:
///
/// ```bash
/// salt '*' vsphere.create_tag_category stage 'Where it runs' SINGLE
/// ```
#[salt_fn(proxies("vcenter"))]
async fn create_tag_category(
    cx: &Context,
    /// The name of the category.
    name: String,
    /// A description.
    description: String,
    /// `SINGLE` if an object can have one tag of it, or `MULTIPLE`.
    cardinality: String,
    /// The vCenter to ask; without it the minion's own is asked.
    server: Option<String>,
    /// The user to log in as, if not as the minion does.
    username: Option<String>,
    /// The user's password; for the minion's own user it may be left out.
    #[default(None)]
    password: Value,
    /// Leave it out: it is for Python only.
    #[default(None)]
    service_instance: Value,
    /// Check the certificate of another server than the minion's own.
    #[default(None)]
    verify_ssl: Value,
    /// A file with certificates to trust.
    ca_bundle: Option<String>,
) -> Result<Map> {
    let login = login(server, username, password, &verify_ssl, ca_bundle);
    let client = client(cx, &service_instance, login).await?;
    let category = Category {
        id: String::new(),
        name,
        description,
        multiple: crate::vmware_tag::multiple(&cardinality)?,
        associable_types: Vec::new(),
        used_by: Vec::new(),
    };
    Ok(map! { "Category created" => client.tags().create_category(&category).await? })
}

/// Deletes a category with its tags.
///
/// CLI Example:
///
/// ```bash
/// salt '*' vsphere.delete_tag_category urn:vmomi:InventoryServiceCategory:9a2c:GLOBAL
/// ```
#[salt_fn(proxies("vcenter"))]
async fn delete_tag_category(
    cx: &Context,
    /// The category, by id.
    category_id: String,
    /// The vCenter to ask; without it the minion's own is asked.
    server: Option<String>,
    /// The user to log in as, if not as the minion does.
    username: Option<String>,
    /// The user's password; for the minion's own user it may be left out.
    #[default(None)]
    password: Value,
    /// Leave it out: it is for Python only.
    #[default(None)]
    service_instance: Value,
    /// Check the certificate of another server than the minion's own.
    #[default(None)]
    verify_ssl: Value,
    /// A file with certificates to trust.
    ca_bundle: Option<String>,
) -> Result<Map> {
    let login = login(server, username, password, &verify_ssl, ca_bundle);
    let client = client(cx, &service_instance, login).await?;
    client.tags().delete_category(&category_id).await?;
    Ok(map! { "Category deleted" => Value::None })
}

/// Creates a tag, and gives its id under `Tag created`.
///
/// CLI Example:
///
/// ```bash
/// salt '*' vsphere.create_tag production 'In use' urn:vmomi:InventoryServiceCategory:9a2c:GLOBAL
/// ```
#[salt_fn(proxies("vcenter"))]
async fn create_tag(
    cx: &Context,
    /// The name of the tag.
    name: String,
    /// A description.
    description: String,
    /// The category, by id.
    category_id: String,
    /// The vCenter to ask; without it the minion's own is asked.
    server: Option<String>,
    /// The user to log in as, if not as the minion does.
    username: Option<String>,
    /// The user's password; for the minion's own user it may be left out.
    #[default(None)]
    password: Value,
    /// Leave it out: it is for Python only.
    #[default(None)]
    service_instance: Value,
    /// Check the certificate of another server than the minion's own.
    #[default(None)]
    verify_ssl: Value,
    /// A file with certificates to trust.
    ca_bundle: Option<String>,
) -> Result<Map> {
    let login = login(server, username, password, &verify_ssl, ca_bundle);
    let client = client(cx, &service_instance, login).await?;
    Ok(map! { "Tag created" => client.tags().create_tag(&category_id, &name, &description).await? })
}

/// Deletes a tag, and takes it off everything.
///
/// CLI Example:
///
/// ```bash
/// salt '*' vsphere.delete_tag urn:vmomi:InventoryServiceTag:b55ecc77-f4a5-49f8-ab52-38865467cfbe:GLOBAL
/// ```
#[salt_fn(proxies("vcenter"))]
async fn delete_tag(
    cx: &Context,
    /// The tag, by id.
    tag_id: String,
    /// The vCenter to ask; without it the minion's own is asked.
    server: Option<String>,
    /// The user to log in as, if not as the minion does.
    username: Option<String>,
    /// The user's password; for the minion's own user it may be left out.
    #[default(None)]
    password: Value,
    /// Leave it out: it is for Python only.
    #[default(None)]
    service_instance: Value,
    /// Check the certificate of another server than the minion's own.
    #[default(None)]
    verify_ssl: Value,
    /// A file with certificates to trust.
    ca_bundle: Option<String>,
) -> Result<Map> {
    let login = login(server, username, password, &verify_ssl, ca_bundle);
    let client = client(cx, &service_instance, login).await?;
    client.tags().delete_tag(&tag_id).await?;
    Ok(map! { "Tag deleted" => Value::None })
}

/// The vCenter that the arguments mean.
async fn client(cx: &Context, service_instance: &Value, login: Login) -> Result<Client> {
    refuse_service_instance(service_instance)?;
    client_of_arguments(cx, login).await
}

fn login(
    host: Option<String>,
    username: Option<String>,
    password: Value,
    verify_ssl: &Value,
    ca_bundle: Option<String>,
) -> Login {
    let insecure = *verify_ssl == Value::Bool(false);
    Login { host, username, password: password.into(), insecure, ca_bundle, ..Login::default() }
}

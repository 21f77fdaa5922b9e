//! Tags and their categories.
//!
//! Facts: `saltext/vmware/modules/tag.py`.

use salt::{Context, Error, Map, Result, Value, Words, functions, map, salt_fn};
use vcenter::ops::tag::{Category, CategoryUpdate, Tag, TagUpdate};

use salt::connection::own_client;

functions![
    create,
    create_category,
    delete,
    delete_category,
    get,
    get_category,
    list_,
    list_category,
    update,
    update_category,
];

/// Lists the tags by id.
///
/// CLI Example:
///
/// ```bash
/// salt '*' vmware_tag.list
/// ```
#[salt_fn]
async fn list_(cx: &Context) -> Result<Vec<String>> {
    Ok(own_client(cx).await?.tags().tag_ids().await?)
}

/// Shows a tag: its id, name, description, category and users.
///
/// CLI Example:
///
/// ```bash
/// salt '*' vmware_tag.get urn:vmomi:InventoryServiceTag:b55ecc77-f4a5-49f8-ab52-38865467cfbe:GLOBAL
/// ```
#[salt_fn]
async fn get(
    cx: &Context,
    /// The tag, by id.
    tag_id: String,
) -> Result<Map> {
    let tag = own_client(cx).await?.tags().look_at_tag(&tag_id).await?;
    let Tag { id, name, description, category_id, used_by } = (*tag).clone();
    Ok(map! {
        "id" => id, "name" => name, "description" => description, "category_id" => category_id, "used_by" => used_by,
    })
}

/// Creates a tag, and gives its id.
///
/// CLI Example:
///
/// ```bash
/// salt '*' vmware_tag.create production urn:vmomi:InventoryServiceCategory:9a2c:GLOBAL description='In use'
/// ```
#[salt_fn]
async fn create(
    cx: &Context,
    /// The name of the tag.
    tag_name: String,
    /// The category, by id.
    category_id: String,
    /// A description.
    #[default("")]
    description: String,
) -> Result<String> {
    Ok(own_client(cx).await?.tags().create_tag(&category_id, &tag_name, &description).await?)
}

/// Renames a tag or describes it anew.
///
/// Gives `updated`, or a map with `status_code` and `reason` if the vCenter refuses.
///
/// CLI Example:
///
/// ```bash
/// salt '*' vmware_tag.update urn:vmomi:InventoryServiceTag:b55e:GLOBAL tag_name=prod
/// ```
#[salt_fn]
async fn update(
    cx: &Context,
    /// The tag, by id.
    tag_id: String,
    /// The new name.
    tag_name: Option<String>,
    /// The new description; an empty one takes the present one away.
    description: Option<String>,
) -> Result<Value> {
    let update = TagUpdate { name: tag_name.filter(|name| !name.is_empty()), description };
    outcome("tag", "updated", own_client(cx).await?.tags().update_tag(&tag_id, &update).await)
}

/// Deletes a tag, and takes it off everything.
///
/// Gives `deleted`, or a map with `status_code` and `reason` if the vCenter refuses.
///
/// CLI Example:
///
/// ```bash
/// salt '*' vmware_tag.delete urn:vmomi:InventoryServiceTag:b55ecc77-f4a5-49f8-ab52-38865467cfbe:GLOBAL
/// ```
#[salt_fn]
async fn delete(
    cx: &Context,
    /// The tag, by id.
    tag_id: String,
) -> Result<Value> {
    outcome("tag", "deleted", own_client(cx).await?.tags().delete_tag(&tag_id).await)
}

/// Lists the categories of tags by id.
///
/// CLI Example:
///
/// ```bash
/// salt '*' vmware_tag.list_category
/// ```
#[salt_fn]
async fn list_category(cx: &Context) -> Result<Vec<String>> {
    Ok(own_client(cx).await?.tags().category_ids().await?)
}

/// Shows a category: its id, name, description, cardinality, types and users.
///
/// CLI Example:
///
/// ```bash
/// salt '*' vmware_tag.get_category urn:vmomi:InventoryServiceCategory:9a2c:GLOBAL
/// ```
#[salt_fn]
async fn get_category(
    cx: &Context,
    /// The category, by id.
    category_id: String,
) -> Result<Map> {
    let category = own_client(cx).await?.tags().look_at_category(&category_id).await?;
    let Category { id, name, description, multiple, associable_types, used_by } = (*category).clone();
    Ok(map! {
        "id" => id,
        "name" => name,
        "description" => description,
        "cardinality" => if multiple { "MULTIPLE" } else { "SINGLE" },
        "associable_types" => associable_types,
        "used_by" => used_by,
    })
}

/// Creates a category of tags, and gives its id.
///
/// CLI Example:
///
/// ```bash
/// salt '*' vmware_tag.create_category stage '[VirtualMachine, HostSystem]' SINGLE description='Where it runs'
/// ```
#[salt_fn]
async fn create_category(
    cx: &Context,
    /// The name of the category.
    category_name: String,
    /// What its tags can be put on, as `VirtualMachine`; an empty list for anything.
    associable_types: Words,
    /// `SINGLE` if an object can have one tag of it, or `MULTIPLE`.
    cardinality: String,
    /// A description.
    #[default("")]
    description: String,
) -> Result<String> {
    let category = Category {
        id: String::new(),
        name: category_name,
        description,
        multiple: multiple(&cardinality)?,
        associable_types: associable_types.0,
        used_by: Vec::new(),
    };
    Ok(own_client(cx).await?.tags().create_category(&category).await?)
}

/// Changes a category of tags. What is not given stays.
///
/// Gives `updated`, or a map with `status_code` and `reason` if the vCenter refuses.
///
/// CLI Example:
///
/// ```bash
/// salt '*' vmware_tag.update_category urn:vmomi:InventoryServiceCategory:9a2c:GLOBAL cardinality=MULTIPLE
/// ```
#[salt_fn]
async fn update_category(
    cx: &Context,
    /// The category, by id.
    category_id: String,
    /// The new name.
    category_name: Option<String>,
    /// What its tags can be put on. The vCenter only lets more be added.
    associable_types: Option<Words>,
    /// `MULTIPLE`. The vCenter refuses to go back to `SINGLE`.
    cardinality: Option<String>,
    /// The new description.
    #[default("")]
    description: String,
) -> Result<Value> {
    let given = |text: String| Some(text).filter(|text| !text.is_empty());
    let update = CategoryUpdate {
        name: category_name.and_then(given),
        description: given(description),
        multiple: cardinality.and_then(given).as_deref().map(multiple).transpose()?,
        associable_types: associable_types.map(|Words(types)| types).filter(|types| !types.is_empty()),
    };
    outcome("category", "updated", own_client(cx).await?.tags().update_category(&category_id, &update).await)
}

/// Deletes a category with its tags.
///
/// Gives `deleted`, or a map with `status_code` and `reason` if the vCenter refuses.
///
/// CLI Example:
///
/// ```bash
/// salt '*' vmware_tag.delete_category urn:vmomi:InventoryServiceCategory:9a2c:GLOBAL
/// ```
#[salt_fn]
async fn delete_category(
    cx: &Context,
    /// The category, by id.
    category_id: String,
) -> Result<Value> {
    outcome("category", "deleted", own_client(cx).await?.tags().delete_category(&category_id).await)
}

/// `CategoryModel.Cardinality`
pub fn multiple(cardinality: &str) -> Result<bool> {
    match cardinality {
        "SINGLE" => Ok(false),
        "MULTIPLE" => Ok(true),
        other => Err(Error::invocation(format!("The cardinality is SINGLE or MULTIPLE, not '{other}'"))),
    }
}

/// What the vCenter says no to is an answer, under the one heading that the original has for it; that it can't be asked
/// is an error.
fn outcome(what: &str, done: &str, result: vcenter::Result<()>) -> Result<Value> {
    match result {
        Ok(()) => Ok(done.into()),
        Err(vcenter::Error::Api { status, message, .. }) => {
            Ok(map! { what => "failed to update", "status_code" => i64::from(status), "reason" => message }
                .into())
        }
        Err(error) => Err(error.into()),
    }
}

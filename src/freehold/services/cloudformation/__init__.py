"""CloudFormation: templates made into stacks.

Works: JSON and YAML templates with all sections but Hooks; all intrinsic functions, Rules, dynamic
references; the transforms AWS::Serverless-2016-10-31, AWS::LanguageExtensions and AWS::Include;
stacks made, updated in place or by replacement, rolled back and deleted, resources in parallel
where they do not depend on each other; change sets; nested stacks; custom resources backed by
functions; exports and imports. Every step is recorded before it is taken, so that an operation goes
on after a crash of the node.

Differs from AWS on purpose:

* A template with resource types that nobody here runs is refused as a whole, by name, before
  anything is made.
* A resource handler's plain effects commit together with the record of them; there are no half-made
  resources to be cleaned up by hand.
* Transforms of CreateStack and UpdateStack run before the answer, so their errors are the answer.
* Metadata, policies and descriptions of resources change without a resource operation.
* A custom resource's ServiceToken must be a function.

Refused by value, where an empty one is taken: NotificationARNs, RollbackConfiguration,
ResourceTypes, IncludeNestedStacks, ImportExistingResources, CreationPolicy,
the deletion policy Snapshot.
"""

from freehold.services.cloudformation import api, resources, tasks  # noqa: F401 - they register on it
from freehold.services.cloudformation.service import service

__all__ = ["service"]

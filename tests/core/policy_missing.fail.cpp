// expect: a role without a default must be named
// expect: no_policy_for_role<[^>]*metadata_store_tag
#include <bobbin/core/policy.hpp>

struct Store {
    using policy_concept = bobbin::role::store;
};
struct Index {
    using policy_concept = bobbin::role::index;
};

#ifdef BOBBIN_CONTROL
using Chosen = bobbin::select_policy_t<bobbin::role::store, bobbin::must_be_named, Index, Store>;
#else
using Chosen = bobbin::select_policy_t<bobbin::role::store, bobbin::must_be_named, Index>;
#endif
Chosen* chosen;

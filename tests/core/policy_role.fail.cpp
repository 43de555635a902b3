// expect: a policy whose role is not used here
// expect: policy_for_no_role_here<[^>]*Index
#include <bobbin/core/policy.hpp>

struct File {
    using policy_concept = bobbin::role::file;
};
struct Index {
    using policy_concept = bobbin::role::index;
};

using Roles = bobbin::roles<bobbin::role::file>;
#ifdef BOBBIN_CONTROL
[[maybe_unused]] constexpr bool accepted = Roles::accept<File>;
#else
[[maybe_unused]] constexpr bool accepted = Roles::accept<File, Index>;
#endif

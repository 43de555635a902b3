// expect: not a policy: it has no policy_concept
// expect: not_a_policy<[^>]*Stranger
#include <bobbin/core/policy.hpp>

struct File {
    using policy_concept = bobbin::role::file;
};
struct Stranger {};

using Roles = bobbin::roles<bobbin::role::file>;
#ifdef BOBBIN_CONTROL
[[maybe_unused]] constexpr bool accepted = Roles::accept<File>;
#else
[[maybe_unused]] constexpr bool accepted = Roles::accept<File, Stranger>;
#endif

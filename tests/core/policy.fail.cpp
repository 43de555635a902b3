// expect: two policies for one role
// expect: two_policies_for_one_role<[^>]*First[^>]*Second
#include <bobbin/core/policy.hpp>

struct First {
    using policy_concept = bobbin::role::file;
};
struct Second {
    using policy_concept = bobbin::role::file;
};
struct Index {
    using policy_concept = bobbin::role::index;
};

#ifdef BOBBIN_CONTROL
using File = bobbin::select_policy_t<bobbin::role::file, void, First, Index>;
#else
using File = bobbin::select_policy_t<bobbin::role::file, void, First, Index, Second>;
#endif
File* file;

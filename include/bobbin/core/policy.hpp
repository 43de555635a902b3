#ifndef BOBBIN_CORE_POLICY_HPP
#define BOBBIN_CORE_POLICY_HPP

#include <type_traits>

namespace bobbin {

/// A policy says which decision it makes by `using policy_concept = <tag>`. A tag is a role: a
/// composition takes at most one policy for each.
struct directory_tag {};       ///< where files live
struct file_policy_tag {};     ///< how bytes reach the disk
struct index_encoder_tag {};   ///< what a record is
struct digest_tag {};          ///< the integrity hash
struct metadata_store_tag {};  ///< where rows live
struct rows_tag {};            ///< the program's own rows
struct retry_tag {};           ///< what to do with which kind of error
struct clock_tag {};           ///< time and sleep
struct threads_tag {};         ///< mutex, condition, start of a thread
struct observer_tag {};        ///< what is told

namespace role {
using directory = directory_tag;
using file = file_policy_tag;
using index = index_encoder_tag;
using digest = digest_tag;
using store = metadata_store_tag;
using rows = rows_tag;
using retry = retry_tag;
using clock = clock_tag;
using threads = threads_tag;
using observer = observer_tag;
}  // namespace role

template <class P>
concept Policy = requires { typename P::policy_concept; };

/// Whether `P` decides `Role`.
template <class P, class Role>
concept PolicyFor = Policy<P> && std::is_same_v<typename P::policy_concept, Role>;

namespace detail {

// The texts are fixed; the types stand in the names of these templates, which every compiler prints.
template <class Role, class First, class Second>
struct two_policies_for_one_role {
    static_assert(!std::is_same_v<First, First>, "bobbin::Archive: two policies for one role");
};
template <class P>
struct not_a_policy {
    static_assert(!std::is_same_v<P, P>,
                  "bobbin::Archive: not a policy: it has no policy_concept (bobbin/core/policy.hpp)");
};
template <class P>
struct policy_for_no_role_here {
    static_assert(!std::is_same_v<P, P>, "bobbin::Archive: a policy whose role is not used here");
};
template <class Role>
struct no_policy_for_role {
    static_assert(!std::is_same_v<Role, Role>, "bobbin::Archive: a role without a default must be named");
};

struct absent {};

template <class Role, class Found, class... Ps>
struct find_policy {
    using type = Found;
};
template <class Role, class Found, class P, class... Rest>
    requires PolicyFor<P, Role>
struct find_policy<Role, Found, P, Rest...> {
    static constexpr bool first = std::is_same_v<Found, absent>;
    using check = std::conditional_t<first, std::type_identity<void>,
                                     two_policies_for_one_role<Role, Found, P>>;
    static_assert(sizeof(check) > 0);
    using type = typename find_policy<Role, P, Rest...>::type;
};
template <class Role, class Found, class P, class... Rest>
struct find_policy<Role, Found, P, Rest...> {
    using type = typename find_policy<Role, Found, Rest...>::type;
};

template <class P, class... Roles>
struct check_stranger {
    static constexpr bool value = [] {
        if constexpr (!Policy<P>)
            return sizeof(not_a_policy<P>) != 0;
        else if constexpr (!(PolicyFor<P, Roles> || ...))
            return sizeof(policy_for_no_role_here<P>) != 0;
        else
            return true;
    }();
};

}  // namespace detail

/// Marks a role that has no default: the composition must name a policy for it.
struct must_be_named {};

/// The policy that decides `Role` among `Ps...`, or `Default`. Two for one role do not compile.
template <class Role, class Default, class... Ps>
struct select_policy {
    using found = typename detail::find_policy<Role, detail::absent, Ps...>::type;
    static constexpr bool given = !std::is_same_v<found, detail::absent>;
    using type = std::conditional_t<given, found, Default>;
    using check = std::conditional_t<std::is_same_v<type, must_be_named>,
                                     detail::no_policy_for_role<Role>, std::type_identity<void>>;
    static_assert(sizeof(check) > 0);
};
template <class Role, class Default, class... Ps>
using select_policy_t = typename select_policy<Role, Default, Ps...>::type;

/// Whether every one of `Ps...` is a policy for one of the roles of `RoleList<Roles...>`.
template <class... Roles>
struct roles {
    template <class... Ps>
    static constexpr bool accept = (detail::check_stranger<Ps, Roles...>::value && ...);
};

}  // namespace bobbin

#endif

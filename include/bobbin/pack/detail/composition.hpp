#ifndef BOBBIN_PACK_DETAIL_COMPOSITION_HPP
#define BOBBIN_PACK_DETAIL_COMPOSITION_HPP

#include <bobbin/archive.hpp>
#include <bobbin/codec/codecs.hpp>
#include <bobbin/codec/none.hpp>
#include <bobbin/pack/fast_cdc.hpp>
#include <bobbin/pack/pack_index.hpp>
#include <bobbin/pack/pack_writer.hpp>

#include <type_traits>

namespace bobbin::pack::detail {

/// The codec that writes, and those that are read.
template <class C>
struct codecs_of {
    using Writing = C;
    using Reading = Codecs<NoCodec, C>;
};
template <>
struct codecs_of<NoCodec> {
    using Writing = NoCodec;
    using Reading = Codecs<NoCodec>;
};
template <class First, class... Rest>
struct codecs_of<Codecs<First, Rest...>> {
    using Writing = First;
    using Reading =
        std::conditional_t<(std::is_same_v<First, NoCodec> || ... || std::is_same_v<Rest, NoCodec>),
                           Codecs<First, Rest...>, Codecs<NoCodec, First, Rest...>>;
};

/// What a store of packs decides by itself; all else is the engine's.
template <class P>
inline constexpr bool is_for_packs =
    PolicyFor<P, bobbin::role::digest> || PolicyFor<P, bobbin::role::codec> ||
    PolicyFor<P, role::chunker>;

template <class... Ps>
struct policies;

template <class Kept, class... Ps>
struct archive_of;
template <class... Kept>
struct archive_of<policies<Kept...>> {
    using type = Archive<Kept...>;
};
template <class... Kept, class P, class... Rest>
struct archive_of<policies<Kept...>, P, Rest...>
    : archive_of<std::conditional_t<is_for_packs<P>, policies<Kept...>, policies<Kept..., P>>,
                 Rest...> {};

template <class... Ps>
struct composition {
    using Digest = select_policy_t<bobbin::role::digest, must_be_named, Ps...>;
    using Codec = select_policy_t<bobbin::role::codec, NoCodec, Ps...>;
    using Chunker = select_policy_t<role::chunker, FastCdc, Ps...>;
    static_assert(sizeof(may_not_decide_what_is_a_duplicate<Digest>) != 0);
    using Archive = typename archive_of<policies<PackIndex>, Ps...>::type;
};

}  // namespace bobbin::pack::detail

#endif

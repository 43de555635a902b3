#ifndef BOBBIN_INDEX_FORMATS_HPP
#define BOBBIN_INDEX_FORMATS_HPP

#include <bobbin/index/concept.hpp>

#include <type_traits>
#include <utility>

namespace bobbin {

/// The index formats that a program can read: a typed list over which readers dispatch at run time.
/// An object in any other format is unreadable with `format_unknown`, and nothing else is.
/// Thread safety: immutable.
template <IndexEncoder First, IndexEncoder... Others>
struct Formats {
    static constexpr bool contain(FormatId id) noexcept {
        return id == First::format_id || ((id == Others::format_id) || ...);
    }

    /// Calls `f.template operator()<Encoder>()` for the encoder whose format `id` is.
    /// `f` gives the same Result for each.
    /// @errors `format_unknown`; those of `f`
    template <class F>
    static auto visit(FormatId id, F&& f) {
        using Answer = decltype(f.template operator()<First>());
        if (id == First::format_id) return f.template operator()<First>();
        if constexpr (sizeof...(Others) != 0)
            return Formats<Others...>::visit(id, std::forward<F>(f));
        else
            return Answer{Error{Errc::format_unknown, Operation::decode}};
    }
};

}  // namespace bobbin

#endif

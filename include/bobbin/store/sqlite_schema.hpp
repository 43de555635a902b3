#ifndef BOBBIN_STORE_SQLITE_SCHEMA_HPP
#define BOBBIN_STORE_SQLITE_SCHEMA_HPP

#include <array>
#include <cstddef>
#include <span>
#include <string_view>

namespace bobbin {

/// The tables of a program (or a part of one) as numbered steps, each SQL that runs once in a
/// transaction of its own. A step that was released must never change: stores keep its text and
/// compare it. A view: what it looks at must last, as a `static constexpr` list does.
struct SchemaSteps {
    std::string_view name;
    std::span<const std::string_view> steps;
};

/// What `schema_steps` makes.
template <std::size_t Count>
struct SchemaStepList {
    std::string_view name;
    std::array<std::string_view, Count> steps;

    constexpr operator SchemaSteps() const& noexcept { return {name, steps}; }
    constexpr operator SchemaSteps() const&& = delete;
};

/// `static constexpr auto schema = schema_steps("nvr", {"create table …", "alter table …"});`
template <std::size_t Count>
consteval SchemaStepList<Count> schema_steps(std::string_view name,
                                             const std::string_view (&steps)[Count]) {
    if (name.empty()) throw "schema_steps: the list needs a name";
    SchemaStepList<Count> list{name, {}};
    for (std::size_t i = 0; i < Count; ++i) {
        if (steps[i].empty()) throw "schema_steps: a step without SQL";
        list.steps[i] = steps[i];
    }
    return list;
}

}  // namespace bobbin

#endif

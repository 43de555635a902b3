#include <bobbin/core/policy.hpp>

namespace {

using namespace bobbin;

struct FastFile {
    using policy_concept = role::file;
};
struct Index {
    using policy_concept = role::index;
};
struct Store {
    using policy_concept = role::store;
};
struct Stranger {};

static_assert(Policy<FastFile> && !Policy<Stranger> && !Policy<int>);
static_assert(PolicyFor<FastFile, role::file> && !PolicyFor<FastFile, role::index> &&
              !PolicyFor<Stranger, role::file>);

// The one that was given, in any place; else the default.
static_assert(std::is_same_v<select_policy_t<role::file, void, FastFile, Index>, FastFile>);
static_assert(std::is_same_v<select_policy_t<role::file, void, Index, Store, FastFile>, FastFile>);
static_assert(std::is_same_v<select_policy_t<role::file, Store, Index>, Store>);
static_assert(std::is_same_v<select_policy_t<role::file, void>, void>);
static_assert(std::is_same_v<select_policy_t<role::store, must_be_named, Store>, Store>);
static_assert(select_policy<role::file, void, FastFile>::given &&
              !select_policy<role::file, void, Index>::given);

static_assert(roles<role::file, role::index>::accept<FastFile, Index>);
static_assert(roles<role::file, role::index>::accept<>);

}  // namespace

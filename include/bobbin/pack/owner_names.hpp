#ifndef BOBBIN_PACK_OWNER_NAMES_HPP
#define BOBBIN_PACK_OWNER_NAMES_HPP

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <grp.h>
#include <pwd.h>

namespace bobbin::pack {

namespace detail {

inline constexpr std::size_t largest_account = std::size_t{1} << 20;  // a group may have many names

template <class Record, class Call>
std::string account_name(Call&& call, char* Record::*name) {
    std::vector<char> buffer(1024);
    for (;;) {
        Record record{};
        Record* found = nullptr;
        const int error = call(&record, buffer.data(), buffer.size(), &found);
        if (error == ERANGE && buffer.size() < largest_account) {
            buffer.resize(2 * buffer.size());
            continue;
        }
        if (error == EINTR) continue;
        return error == 0 && found ? std::string{found->*name} : std::string{};
    }
}

}  // namespace detail

/// What the system calls a user or a group; empty where it does not know.
/// @allocates the result @thread any
inline std::string system_user_name(std::uint32_t user) {
    return detail::account_name<passwd>(
        [&](passwd* record, char* buffer, std::size_t size, passwd** found) {
            return ::getpwuid_r(user, record, buffer, size, found);
        },
        &passwd::pw_name);
}
inline std::string system_group_name(std::uint32_t id) {
    return detail::account_name<group>(
        [&](group* record, char* buffer, std::size_t size, group** found) {
            return ::getgrgid_r(id, record, buffer, size, found);
        },
        &group::gr_name);
}

}  // namespace bobbin::pack

#endif

#include <bobbin/core/ids.hpp>

int main() {
    const bobbin::ObjectId id{bobbin::StreamId{1}, 2};
    return bobbin::ObjectName::parse(bobbin::ObjectName{id}) == id ? 0 : 1;
}

/// Values by name, each with a number that never changes: hot loops use the number.
struct NumberedTable<Name: Hashable & Sendable, Value: Sendable>: Sendable {
    private(set) var names: ContiguousArray<Name> = []
    var values: ContiguousArray<Value> = []
    private var indexes: [Name: Int] = [:]

    /// The number of `name`, which is new with the value of `make` where it was not there.
    mutating func index(of name: Name, make: () -> Value) -> Int {
        if let index = indexes[name] { return index }
        indexes[name] = names.count
        names.append(name)
        values.append(make())
        return names.count - 1
    }

    var entries: [(name: Name, value: Value)] { zip(names, values).map { ($0, $1) } }
}

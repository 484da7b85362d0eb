/// A value for each kind of event, without an allocation.
public struct KindTable<Value: Sendable>: Sendable {
    // Room for more kinds than there are: a test holds that raw values fit.
    @usableFromInline var values: InlineArray<8, Value>

    public static var capacity: Int { 8 }

    @inlinable
    public init(repeating value: Value) {
        values = InlineArray(repeating: value)
    }

    @inlinable
    public subscript(kind: EventKind) -> Value {
        get { values[Int(kind.rawValue)] }
        set { values[Int(kind.rawValue)] = newValue }
    }
}

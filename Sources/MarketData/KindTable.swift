/// A value for each kind of event, without an allocation.
public struct KindTable<Value: Sendable>: Sendable {
    // Room for more kinds than there are: a test holds that raw values fit.
    private var values: InlineArray<8, Value>

    public static var capacity: Int { 8 }

    public init(repeating value: Value) {
        values = InlineArray(repeating: value)
    }

    @inline(__always)
    public subscript(kind: EventKind) -> Value {
        get { values[Int(kind.rawValue)] }
        set { values[Int(kind.rawValue)] = newValue }
    }
}
